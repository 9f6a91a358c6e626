"""Tables of a lake: where one lies, and which files with which rows are in it today.

Their folders hold files that are no longer part of the table, so that only the table itself says what to read.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, NoReturn
from urllib.parse import unquote, urlsplit

from stillwatch.errors import InputError

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem

    from stillwatch.sources.lake_files import LakeFile

METADATA = (".metadata.json", ".metadata.json.gz")
_NUMBER = re.compile(r"v?(\d+)(?=[-.])")


@dataclass(frozen=True, slots=True)
class LakeTable:
    """A table of a lake. product: Delta or Iceberg; kind: file or s3; root: its folder, absolute or with its bucket.

    shown: as a person is told of it.  metadata: of Iceberg, the file that says what is in the table; "" of Delta.
    """

    product: str
    kind: str
    root: str
    shown: str
    metadata: str = ""


@dataclass(frozen=True, slots=True)
class Listed:
    """A file that is in a table. path: as `places.Place` has it.  n_bytes: its size."""

    kind: str
    path: str
    n_bytes: int
    lake: LakeFile


def table_at(kind: str, folder: str, shown: str, files: FileSystem) -> LakeTable | None:
    """The table whose folder this is.

    Raises: InputError where it is a table that cannot be read, or only its catalog knows what is in it.
    """
    from pyarrow.fs import FileSelector, FileType

    marks = files.get_file_info([f"{folder}/{name}" for name in ("_delta_log", "metadata", ".hoodie")])
    delta, iceberg, hudi = (one.type == FileType.Directory for one in marks)
    if delta:
        return LakeTable("Delta", kind, folder, shown)
    if hudi:
        raise InputError("is a Hudi table, which is not read by its files", source=shown, hint="write it as Parquet")
    if not iceberg:
        return None
    listed = files.get_file_info(FileSelector(f"{folder}/metadata", allow_not_found=True))
    names = sorted(one.base_name for one in listed if one.base_name.endswith(METADATA))
    if not names:
        return None
    return LakeTable("Iceberg", kind, folder, shown, f"{folder}/metadata/{_newest(names, shown)}")


def table_above(kind: str, path: str, show: Callable[[str], str], files: FileSystem) -> LakeTable | None:
    """The table whose folder a path is or lies in; a metadata file of Iceberg stands for its table as of then.

    show: a folder as a person is told of it.
    Raises: as `table_at`; OSError where the path itself cannot be looked at.
    """
    for folder in (path, *(str(one) for one in PurePosixPath(path).parents if str(one) not in (".", "/"))):
        if path.endswith(METADATA) and path.rpartition("/")[0] == f"{folder}/metadata":
            return LakeTable("Iceberg", kind, folder, show(folder), path)
        try:
            table = table_at(kind, folder, show(folder), files)
        except OSError:
            if folder == path:
                raise
            # Who may read a folder need not be allowed to look at those above it.
            return None
        if table is not None:
            return table
    return None


def local_table_at(folder: str) -> LakeTable | None:
    """The table whose local folder this is, as `table_at`."""
    from pyarrow.fs import LocalFileSystem

    # Links are not followed: a table names its files as they are.
    return table_at("file", os.path.abspath(folder), folder, LocalFileSystem())  # noqa: PTH100


def local_table_above(path: str, named: str) -> LakeTable | None:
    """The table in whose local folder a path lies, told of as the path is: in full or from here; as `table_above`."""
    from pyarrow.fs import LocalFileSystem

    try:
        return table_above("file", path, str if os.path.isabs(named) else os.path.relpath, LocalFileSystem())  # noqa: PTH117
    except OSError:
        # What cannot be looked at is told where it is read.
        return None


def tables_among(paths: Iterable[str]) -> list[str]:
    """The folders of tables among the paths of objects, none within another."""
    roots: set[str] = set()
    for path in paths:
        for mark in ("/_delta_log/", "/.hoodie/"):
            if mark in path:
                roots.add(path.partition(mark)[0])
        folder, _, name = path.rpartition("/")
        if folder.endswith("/metadata") and name.endswith(METADATA):
            roots.add(folder.removesuffix("/metadata"))
    return [one for one in sorted(roots) if not any(one.startswith(f"{other}/") for other in roots)]


def list_files(table: LakeTable) -> tuple[list[Listed], str]:
    """The files that are in a table, ordered by path, and which state of it that is.

    Raises: InputError where the table uses what cannot be read rightly, or its library is not installed.
    """
    if table.product == "Delta":
        from stillwatch.sources.delta import delta_files

        return delta_files(table)
    from stillwatch.sources.iceberg import iceberg_files

    return iceberg_files(table)


def address(kind: str, path: str) -> str:
    """The address of a file, or of a folder, for a library."""
    return f"s3://{path}" if kind == "s3" else path


def place_of(url: str, table: LakeTable) -> tuple[str, str]:
    """Kind and path of an address that a table gives of a file.

    Raises: InputError where it lies in a store that is not read.
    """
    scheme, colon, rest = url.partition(":")
    if not colon or "/" in scheme:
        return "file", url
    if scheme in ("s3", "s3a", "s3n"):
        return "s3", rest.removeprefix("//")
    if scheme == "file":
        return "file", "/" + urlsplit(url).path.lstrip("/")
    raise InputError(
        f"holds files in a store that is not read ({scheme}:)", source=table.shown, hint="folders and s3:// are read"
    )


def plain_path(url: str) -> str:
    """The path in an address whose odd characters are written as %20 and the like, with its bucket."""
    parts = urlsplit(url)
    return unquote(parts.netloc + parts.path)


def not_installed(table: LakeTable) -> NoReturn:
    """Say what to install for this table."""
    raise InputError(
        f"reading {_an(table.product)} table needs a library that is not installed",
        source=table.shown,
        hint="pip install 'stillwatch[lake]'",
    ) from None


def cannot_be_read(table: LakeTable, error: BaseException, hint: str) -> NoReturn:
    """Say why a table's own files cannot be read, in the library's words."""
    told = " ".join(str(error).split()) or type(error).__name__
    told = told if len(told) <= 300 else f"{told[:300]}..."
    raise InputError(f"is {_an(table.product)} table that cannot be read: {told}", source=table.shown, hint=hint)


def _an(product: str) -> str:
    return f"an {product}" if product[0] in "AEIO" else f"a {product}"


def _newest(names: Sequence[str], shown: str) -> str:
    """The metadata file of the highest number. Catalogs know which one counts, folders do not always."""
    numbers = {name: int(found.group(1)) if (found := _NUMBER.match(name)) else -1 for name in names}
    highest = max(numbers.values())
    newest = [name for name in names if numbers[name] == highest]
    if len(newest) > 1:
        raise InputError(
            f"is an Iceberg table of which only its catalog knows what is in it: {' and '.join(newest[:3])}",
            source=shown,
            hint=f"name the one that the catalog names, as in {shown.rstrip('/')}/metadata/{newest[0]}",
        )
    return newest[0]
