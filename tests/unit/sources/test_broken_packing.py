"""Packed files that are cut off or damaged give what was whole, and say the rest."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest
from log_samples import (
    GOOD,
    IDS,
    exchanges,
    lines,
    read,
    zstd,
)

from stillwatch.errors import InputError


class TestCompression:
    """Packed files: what can be had of them, and what is said of the rest."""

    def test_a_cut_off_gzip_gives_everything_before_the_cut(self, tmp_path: Path) -> None:
        """Of a gzip file without its end, each whole line is read, and the cut is one record in quarantine."""
        path = tmp_path / "log.ndjson.gz"
        path.write_bytes(gzip.compress(lines(GOOD))[:-9])
        outcome = read(path)
        assert outcome.ids == IDS[: len(outcome.ids)]
        assert len(outcome.ids) >= 399
        assert outcome.n_read == len(outcome.ids) + 1
        assert "cut off" in outcome.reasons[0][1]
        assert outcome.reasons[0][0] == len(outcome.ids) + 1

    @pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
    def test_a_gzip_cut_in_the_middle_loses_nothing_before(self, tmp_path: Path, share: float) -> None:
        """What zlib gives byte by byte is what reading gives: no buffer's worth is lost at the cut."""
        import zlib

        packed = gzip.compress(lines(GOOD))
        packed = packed[: int(len(packed) * share)]
        path = tmp_path / "log.gz"
        path.write_bytes(packed)
        expected = zlib.decompressobj(31).decompress(packed).count(b"\n")
        assert len(read(path).ids) == expected

    def test_a_damaged_gzip_gives_everything_before_the_damage(self, tmp_path: Path) -> None:
        """Bytes that are wrong in the middle end the file there, and the reason says damaged."""
        packed = bytearray(gzip.compress(lines(GOOD)))
        middle = len(packed) // 2
        packed[middle : middle + 40] = b"\xff" * 40
        path = tmp_path / "log.gz"
        path.write_bytes(bytes(packed))
        outcome = read(path)
        assert len(outcome.ids) > 50
        assert outcome.ids == IDS[: len(outcome.ids)]
        assert outcome.bad.num_rows >= 1

    def test_members_put_together_and_padding_are_read(self, tmp_path: Path) -> None:
        """Log shippers append gzip members and pad them with zeros: all of it is read."""
        path = tmp_path / "log.gz"
        path.write_bytes(gzip.compress(lines(GOOD[:100])) + gzip.compress(lines(GOOD[100:])) + b"\0" * 512)
        outcome = read(path)
        assert outcome.ids == IDS
        assert outcome.bad.num_rows == 0

    def test_a_cut_off_zstd_gives_what_was_whole(self, tmp_path: Path) -> None:
        """Of a zstd file without its end, the blocks before are read."""
        rows = exchanges(3000)
        packed = zstd(lines(rows))
        path = tmp_path / "log.zst"
        path.write_bytes(packed[:-3])
        outcome = read(path)
        assert outcome.ids == [row["exchange_id"] for row in rows][: len(outcome.ids)]
        assert len(outcome.ids) > 1000
        assert [line for line, _ in outcome.reasons] == [len(outcome.ids) + 1]

    @pytest.mark.parametrize("pack", [gzip.compress, zstd], ids=["gzip", "zstd"])
    def test_a_file_cut_in_its_first_bytes_says_so(self, tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
        """Nothing can be had of it, and the message says that it is damaged."""
        path = tmp_path / "log.bin"
        path.write_bytes(pack(lines(GOOD))[:9])
        with pytest.raises(InputError, match=r"damaged|cut off"):
            read(path)

    def test_a_name_is_no_codec(self, tmp_path: Path) -> None:
        """A plain file called .gz and a gzip file without an ending are read as what they are."""
        (tmp_path / "plain.ndjson.gz").write_bytes(lines(GOOD[:200]))
        (tmp_path / "packed.ndjson").write_bytes(gzip.compress(lines(GOOD[200:])))
        assert sorted(read(tmp_path).ids) == sorted(IDS)

    @pytest.mark.parametrize(
        ("head", "word"),
        [(b"PK\x03\x04", "zip"), (b"BZh9", "bzip2"), (b"\xfd7zXZ\0", "xz"), (b"SQLite format 3\0", "SQLite")],
        ids=["zip", "bzip2", "xz", "sqlite"],
    )
    def test_what_is_not_unpacked_is_named(self, tmp_path: Path, head: bytes, word: str) -> None:
        """A file in a packing that is not read is called by its name, with the mend."""
        path = tmp_path / "log.json"
        path.write_bytes(head + b"\x01\x02" * 300)
        with pytest.raises(InputError, match=word):
            read(path)

    @pytest.mark.parametrize("outer", [gzip.compress, zstd], ids=["gzip", "zstd"])
    @pytest.mark.parametrize("inner", [gzip.compress, zstd], ids=["of-gzip", "of-zstd"])
    def test_packed_twice_is_named(
        self, tmp_path: Path, outer: Callable[[bytes], bytes], inner: Callable[[bytes], bytes]
    ) -> None:
        """What a shipper packed that was packed already is refused with the mend, and not read as garbage."""
        path = tmp_path / "log.ndjson.gz.gz"
        path.write_bytes(outer(inner(lines(GOOD))))
        with pytest.raises(InputError, match="is compressed twice: unpack it once"):
            read(path)
