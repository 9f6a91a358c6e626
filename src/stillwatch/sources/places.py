"""Where logs are: files, globs, folders, standard input, object storage and databases, as a list of places to read."""

from __future__ import annotations

import fnmatch
import glob
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from stillwatch.errors import InputError, MissingSource, NoExchange
from stillwatch.sources.lakes import (
    METADATA,
    LakeTable,
    list_files,
    local_table_above,
    local_table_at,
    table_above,
    table_at,
    tables_among,
)

if TYPE_CHECKING:
    from pyarrow.fs import FileInfo, S3FileSystem

    from stillwatch.sources.lake_files import LakeFile

LOG_SUFFIXES = (".json", ".jsonl", ".ndjson", ".log", ".parquet", ".pq", ".csv", ".txt")
STDIN = ("-", "/dev/stdin")
_COMPRESSED = (".gz", ".gzip", ".zst", ".zstd")
_OWN_FILES = {"world.json", "scan.json", "run.json", "findings.json", "DEPRECATION_NOTICE.txt"}
"""Ours, and the note to people that Langfuse puts beside its exports."""
_GLOB = set("*?[")
_TABLE = re.compile(r"(?:^|(?<=[/._-]))(traces|observations)(?=$|[/._-])")
_SIDES = re.compile(r"(?<![a-z])(?:in|out|input|output|request|response|result|error)s?(?![a-z])", re.IGNORECASE)
_LARGE_BODIES = re.compile(
    r"(?:^|/)BedrockModelInvocationLogs/(?:.*/)?data/[^/]+$|(?:^|/)data/[0-9a-f]{8}-[0-9a-f-]{27}_(?:in|out)put\.json"
)


@dataclass(frozen=True, slots=True)
class Place:
    """One thing to read. name: as the user named it; kind: file, stdin, s3, postgres or clickhouse.

    from_folder: nobody named this file by itself, so a registry among the logs is left aside, and is no error.
    version: what changes when an object in object storage does; empty where that is not known from its listing.
    lake: what a table says of it whose file it is; None where it is a file by itself.
    """

    name: str
    kind: str
    path: str
    from_folder: bool = False
    version: str = field(default="", compare=False)
    lake: LakeFile | None = field(default=None, compare=False)


def expand(logs: Sequence[str], say: Callable[[str], None]) -> list[Place]:
    """The places that LOGS stand for, in the order given, folders and globs sorted by name, each once.

    Files of traces go before the files of observations that belong to them.
    Raises: MissingSource for a path that is not there; InputError where a folder or glob holds no logs.
    """
    places: list[Place] = []
    for log in logs:
        places += _expand_one(log, say)
    n_bodies = len(places)
    places = [place for place in places if not _is_large_body(place)]
    n_bodies -= len(places)
    if n_bodies:
        say(f"{n_bodies:,} large bodies of Bedrock's log (data/) are read with the records that name them")
        if not places:
            raise InputError(
                "holds only large bodies of Bedrock's log", source=logs[0], hint="name the folder above data/"
            )
    unique: dict[tuple[str, str], Place] = {}
    for place in places:
        key = (place.kind, os.path.realpath(place.path) if place.kind == "file" else place.path)
        if key in unique:
            say(f"{place.name}: named twice, read once")
        else:
            unique[key] = place
    return _traces_first(list(unique.values()))


def registry_beside(logs: Sequence[str]) -> Path | None:
    """The `accounts.parquet` beside a `world.json`, in a folder that LOGS name or that holds a file they name."""
    for log in logs:
        if log in STDIN or "://" in log:
            continue
        start = Path(log)
        # Unlike pathlib's, os.path's questions have an answer also where nobody may look.
        folders = [start, start.parent] if os.path.isdir(start) else [start.parent]  # noqa: PTH112
        for folder in folders:
            if os.path.isfile(folder / "world.json") and os.path.isfile(folder / "accounts.parquet"):  # noqa: PTH113
                return folder / "accounts.parquet"
    return None


def scope_of(place: Place) -> str:
    """What a file's name has in common with those that belong to it: all but which side of requests it holds."""
    return _SIDES.sub("*", place.path)


def s3_filesystem() -> S3FileSystem:
    """Object storage as the AWS variables describe it; AWS_ENDPOINT_URL names another server than Amazon's."""
    from pyarrow.fs import S3FileSystem

    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    if not endpoint:
        return S3FileSystem(region=region)
    parts = urlsplit(endpoint)
    return S3FileSystem(endpoint_override=parts.netloc, scheme=parts.scheme, region=region or "us-east-1")


def without_password(url: str) -> str:
    """A database's address as it may be shown."""
    parts = urlsplit(url)
    if parts.password is None:
        return url
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{parts.username}:***@{host}"))


def _is_large_body(place: Place) -> bool:
    # Bedrock stores bodies over 100 KB beside the log, as JSON too, with nothing in them that says whose they are.
    path = str(Path(place.path).absolute()) if place.kind == "file" else place.path
    return place.from_folder and _LARGE_BODIES.search(path) is not None


def _traces_first(places: list[Place]) -> list[Place]:
    """The places with files of traces before the files of observations that belong to them.

    Who made a request stands in the one, the request in the other. Files of one name go in pairs, so that little of the
    traces need be remembered; traces that are in no pair go before all observations.
    """
    tables = [_table(place) for place in places]
    pairs: dict[str, list[Place]] = {}
    for place, (table, rest) in zip(places, tables, strict=True):
        if table == "traces":
            pairs.setdefault(rest, []).append(place)
    paired = {rest for table, rest in tables if table == "observations"}
    if not pairs or not paired:
        return places
    alone = [place for rest, listed in pairs.items() if rest not in paired for place in listed]
    out: dict[Place, None] = {}
    for place, (table, rest) in zip(places, tables, strict=True):
        if table == "observations":
            out.update(dict.fromkeys((*alone, *pairs.get(rest, ()))))
            alone = []
        out.setdefault(place)
    return list(out)


def _table(place: Place) -> tuple[str | None, str]:
    """Which of the two tables a file's or its folder's name says that it holds, and what else they say."""
    folder, _, name = place.path.rpartition("/")
    above, _, folder = folder.rpartition("/")
    for inside, rest in ((name, f"{above}/{folder}/"), (folder, f"{above}/*/{name}")):
        match = _TABLE.search(inside)
        if match is not None:
            return match.group(1), f"{rest}{inside[: match.start()]}*{inside[match.end() :]}"
    return None, ""


def _expand_one(log: str, say: Callable[[str], None]) -> list[Place]:
    if log in STDIN:
        return [Place("standard input", "stdin", "-")]
    if log.startswith(("s3://", "s3a://")):
        # The second is what clusters call the first.
        return _expand_s3(log.replace("s3a://", "s3://", 1), say)
    if log.startswith(("postgresql://", "postgres://")):
        return [Place(without_password(log), "postgres", log)]
    if log.startswith("clickhouse://"):
        return [Place(without_password(log), "clickhouse", log)]
    if "://" in log and not log.startswith("file://"):
        known = "files, folders, -, s3://, postgresql:// and clickhouse:// are"
        raise InputError("this kind of address is not read", source=log, hint=known)
    path = Path(log.removeprefix("file://"))
    try:
        if path.is_dir():
            return _folder(path, log, say)
        if path.exists() or path.is_symlink():
            return _files([str(path)], log, say, from_folder=False)
    except OSError as error:
        raise MissingSource(
            f"cannot be opened: {error.strerror}", source=log, hint="check the path, and who may read it"
        ) from None
    if _GLOB & set(log):
        # Unlike Path.glob, it takes absolute patterns and follows links to folders.
        found = sorted(glob.glob(str(path), recursive=True))  # noqa: PTH207
        if not found:
            raise MissingSource("no file matches", source=log, hint="check the pattern, and quote it for the shell")
        places: list[Place] = []
        names: list[str] = []
        for name in found:
            if os.path.isdir(name):  # noqa: PTH112  a folder where nobody may look is none
                if "**" not in log:
                    places += _folder(Path(name), name, say)
            elif not (Path(name).name.startswith(".") or Path(name).name in _OWN_FILES):
                names.append(name)
        places += _files(names, log, say, from_folder=True)
        if not places:
            raise InputError("only folders without logs match", source=log)
        return places
    raise MissingSource("is not there", source=log, hint="check the path; a folder, a glob and - work too")


def _files(names: Sequence[str], shown: str, say: Callable[[str], None], *, from_folder: bool) -> list[Place]:
    """Files that were named one by one or by a pattern: in a table's folder, those that are in the table."""
    places: list[Place] = []
    above: dict[str, LakeTable | None] = {}
    inside: dict[LakeTable, list[str]] = {}
    for name in names:
        path = os.path.abspath(name)  # noqa: PTH100  links are not followed: a table names its files as they are
        # One that is named by itself is its table as of then.
        folder = path if path.endswith(METADATA) and not from_folder else path.rpartition("/")[0]
        if folder not in above:
            above[folder] = local_table_above(folder, name)
        table = above[folder]
        if table is None:
            places.append(Place(name, "file", name, from_folder=from_folder))
        else:
            inside.setdefault(table, []).append(path)
    for table, paths in inside.items():
        whole = table.metadata in paths
        places += _of_table(table, None if whole else frozenset(paths).__contains__, shown, say)
    return places


def _of_table(
    table: LakeTable,
    named: Callable[[str], bool] | None,
    shown: str,
    say: Callable[[str], None],
    *,
    among_others: bool = False,
) -> list[Place]:
    """The files that are in a table today, of those that are named; all where None.

    among_others: the table lies in what was named, so that one without rows is no error.
    """
    listed, state = list_files(table)
    found = [one for one in listed if named is None or named(one.path)]
    if not found and among_others:
        say(f"{table.shown}: the {table.product} table, {state}, has no files there")
        return []
    if not listed:
        raise NoExchange(f"a table without rows ({state})", source=table.shown, hint="check what writes it")
    if not found:
        what = f"no file that is in this table today ({table.product}, {state})"
        raise MissingSource(what, source=shown, hint=f"name the table: {table.shown}")
    of = "" if len(found) == len(listed) else f" of {len(listed):,}"
    say(f"{table.shown}: the {table.product} table, {state}: {len(found):,}{of} files")
    places = []
    for one in found:
        inside = one.path.removeprefix(f"{table.root}/") if one.kind == table.kind else one.path
        name = f"{table.shown.rstrip('/')}/{inside}" if inside != one.path else one.path
        name = f"s3://{one.path}" if one.kind == "s3" else name
        version = f"{one.n_bytes} bytes, {one.lake.digest()}"
        places.append(Place(name, one.kind, one.path, from_folder=True, version=version, lake=one.lake))
    return places


def _begins(start: str, path: str) -> bool:
    return path.startswith(start)


def _matches(pattern: str, path: str) -> bool:
    return fnmatch.fnmatchcase(path, pattern)


def _folder(root: Path, shown: str, say: Callable[[str], None]) -> list[Place]:
    top = os.path.abspath(root)  # noqa: PTH100
    table = local_table_above(top, str(root))
    if table is not None:
        return _of_table(table, None if top == table.root else partial(_begins, f"{top}/"), shown, say)
    places: list[Place] = []
    skipped: list[str] = []
    errors: list[OSError] = []
    seen: set[str] = set()
    # Links to folders are followed, but none is gone through twice, so that a loop ends.
    for folder, folders, files in os.walk(root, onerror=errors.append, followlinks=True):
        here = Path(folder)
        real = os.path.realpath(folder)
        if real in seen:
            folders[:] = []
            continue
        seen.add(real)
        if {"_delta_log", "metadata", ".hoodie"} & set(folders):
            table = local_table_at(str(here))
            if table is not None:
                # Its files are not all part of it: some were deleted, and lie there still.
                places += _of_table(table, None, str(here), say, among_others=True)
                folders[:] = []
                continue
        is_world = "world.json" in files
        if "scan.json" in files or "stillwatch-store.json" in files:
            say(f"{here}: a scan's output, left aside" if "scan.json" in files else f"{here}: a store, left aside")
            folders[:] = []
            continue
        folders[:] = sorted(name for name in folders if name != "truth" and not name.startswith("."))
        for name in sorted(files):
            if name.startswith(".") or name in _OWN_FILES or (is_world and name == "accounts.parquet"):
                continue
            if is_log_name(name):
                places.append(_inside(here / name, root, shown))
            else:
                skipped.append(name)
    # A folder that cannot be opened is read as a file, so that it gets into quarantine with its reason.
    places += [_inside(Path(str(error.filename)), root, shown) for error in errors]
    places.sort(key=lambda place: place.name)
    if skipped:
        shown_names = ", ".join(skipped[:3]) + (", ..." if len(skipped) > 3 else "")
        what = (
            "1 file is no log by its name and is"
            if len(skipped) == 1
            else f"{len(skipped)} files are no logs by their names and are"
        )
        say(f"{shown}: {what} left aside ({shown_names})")
    if not places:
        raise InputError(
            "no logs in this folder", source=shown, hint=f"logs end in {', '.join(LOG_SUFFIXES)}, also with .gz or .zst"
        )
    return places


def _inside(path: Path, root: Path, shown: str) -> Place:
    return Place(str(Path(shown) / path.relative_to(root)), "file", str(path), from_folder=True)


def is_log_name(name: str) -> bool:
    """Whether a file in a folder is a log by its name."""
    name = name.lower()
    for suffix in _COMPRESSED:
        if name.endswith(suffix):
            # Object stores are full of compressed logs that have no other ending.
            inner = name.removesuffix(suffix)
            return inner.endswith(LOG_SUFFIXES) or "." not in inner
    return name.endswith(LOG_SUFFIXES)


def _expand_s3(url: str, say: Callable[[str], None]) -> list[Place]:
    from pyarrow.fs import FileSelector, FileType

    bucket_and_key = url.removeprefix("s3://").rstrip("/")
    fixed = bucket_and_key
    if _GLOB & set(bucket_and_key):
        parts = bucket_and_key.split("/")
        n_fixed = next(i for i, part in enumerate(parts) if _GLOB & set(part))
        fixed = "/".join(parts[:n_fixed])
        if not fixed:
            raise InputError("a bucket's name cannot hold a pattern", source=url)
    pattern = bucket_and_key if fixed != bucket_and_key else ""
    try:
        store = s3_filesystem()
        table = table_above("s3", fixed, lambda folder: f"s3://{folder}", store)
        if table is not None:
            if pattern:
                named: Callable[[str], bool] | None = partial(_matches, pattern)
            else:
                # A prefix may end in the middle of a name.
                named = None if fixed in (table.root, table.metadata) else partial(_begins, fixed)
            return _of_table(table, named, url, say)
        info = store.get_file_info(fixed)
        if fixed == bucket_and_key and info.type == FileType.File and not url.endswith("/"):
            return [Place(url, "s3", bucket_and_key, version=_version(info))]
        if info.type == FileType.NotFound:
            prefix_of = fixed.rpartition("/")[0]
            found = (
                store.get_file_info(FileSelector(prefix_of, recursive=True, allow_not_found=True)) if prefix_of else []
            )
            found = [item for item in found if item.path.startswith(fixed)]
        else:
            found = store.get_file_info(FileSelector(fixed, recursive=True))
    except OSError as error:
        raise MissingSource(
            f"object storage does not answer as wanted: {_first_line(error)}",
            source=url,
            hint="AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION and AWS_ENDPOINT_URL are honoured",
        ) from None
    scans = {item.path.rpartition("/")[0] + "/" for item in found if item.base_name == "scan.json"}
    worlds = {item.path.rpartition("/")[0] for item in found if item.base_name == "world.json"}
    for folder in sorted(scans):
        say(f"s3://{folder}: a scan's output, left aside")
    versions: dict[str, str] = {}
    tables = tables_among(item.path for item in found)
    places: list[Place] = []
    try:
        for folder in tables:
            table = table_at("s3", folder, f"s3://{folder}", store)
            if table is not None:
                whole = not pattern or _matches(pattern, folder)
                places += _of_table(table, None if whole else partial(_matches, pattern), url, say, among_others=True)
    except OSError as error:
        raise MissingSource(f"object storage does not answer as wanted: {_first_line(error)}", source=url) from None
    for item in found:
        inner = item.path[len(fixed) :].split("/")
        hidden = "truth" in inner or any(part.startswith(".") for part in inner)
        own = item.base_name in _OWN_FILES or (
            item.base_name == "accounts.parquet" and item.path.rpartition("/")[0] in worlds
        )
        if (
            item.type != FileType.File
            or hidden
            or own
            or item.path.startswith((*scans, *(f"{one}/" for one in tables)))
        ):
            continue
        if pattern and not _matches(pattern, item.path):
            continue
        if is_log_name(item.base_name):
            versions[item.path] = _version(item)
    places += [Place(f"s3://{path}", "s3", path, from_folder=True, version=one) for path, one in versions.items()]
    if not places:
        raise MissingSource("no logs there", source=url, hint="check bucket and prefix")
    return sorted(places, key=lambda place: place.path)


def _version(info: FileInfo) -> str:
    return "" if info.mtime_ns is None else f"{info.size} bytes of {info.mtime_ns}"


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
