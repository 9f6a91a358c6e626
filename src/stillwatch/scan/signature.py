"""By what a scan tells that its input is the one that an earlier scan was stopped over."""

from __future__ import annotations

import json
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path

from stillwatch import __version__, schema
from stillwatch.scan.options import ScanOptions
from stillwatch.sources.places import expand, registry_beside


def input_signature(logs: Sequence[str], options: ScanOptions) -> str | None:
    """A digest of the logs (names, sizes, times) and of the options that change what reading leaves.

    None where the input cannot be told again: standard input, a database, a file that cannot be looked at.
    """
    read = options.read
    facts: list[object] = [__version__, schema.FINGERPRINT_VERSION, options.format, options.exemplars, read.batch_rows]
    facts += [read.key.hex(), None if read.pseudonymise is None else blake2b(read.pseudonymise).hexdigest()]
    facts += [None if read.addresses is None else read.addresses.digest, str(read.times)]
    if options.accounts is not None and "://" in options.accounts:
        return None
    files = [str(path) for path in (read.mapping, options.accounts, registry_beside(logs)) if path is not None]
    if options.accounts is not None and Path(options.accounts).is_dir():
        for place in expand([options.accounts], lambda _: None):
            facts.append((place.name, place.version))
            files.append(place.path)
    for place in expand(logs, lambda _: None):
        # Quarantine names a place as the user did, and a registry is left aside only where nobody named it.
        facts.append((place.name, place.from_folder, place.version))
        if place.kind == "file":
            files.append(place.path)
        elif not place.version:
            return None
    for name in files:
        try:
            status = Path(name).stat()
        except OSError:
            # What cannot be looked at is told by the reading itself, with its place.
            return None
        facts.append((str(Path(name).resolve()), status.st_size, status.st_mtime_ns))
    return blake2b(json.dumps(facts).encode(), digest_size=16).hexdigest()
