"""Files that outlive the machine's sudden end, and not only the program's."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path


def to_disk(paths: Iterable[Path]) -> None:
    """Have files, and their names in their folders, on the disk before anything refers to them.

    Raises: OSError where the disk does not take them.
    """
    paths = list(paths)
    for path in (*paths, *sorted({path.parent for path in paths})):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def replace_file(path: Path, content: bytes) -> None:
    """Put a small file in the place of another in one step: whatever happens, the one or the other is there, whole."""
    partial = path.with_name(f".{path.name}.partial")
    with partial.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
    to_disk([path])
