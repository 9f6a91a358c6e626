"""Invented names, codes and numbers: what keeps two honest texts from being one by accident."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from stillwatch.traffic_range.grammar import join


def _syllables(text: str) -> list[str]:
    """The syllables of a text; a dash is none at all."""
    return [one.replace("-", "") for one in text.split()]


_FIRST = _syllables(
    "Al An Ar Bel Ber Bra Cal Car Cor Dal Dar Del Dor El En Fal Fen Gal Gor Hal Har Hol Il Is Jan Jor Kal Kel "
    "Kor Lan Lar Lin Lor Mal Mar Mel Mor Nal Nor Ol Or Pal Pel Per Ral Ren Ros Sal Sel Sor Tal Tar Ter Tor Ul "
    "Val Ver Vor Wil Yar Zan Zel"
)
_MIDDLE = _syllables("- a e i o u ia io ea an en in on ar er ir or al el il ol and end ist ost ema ora ida uma")
_LAST = _syllables(
    "ba bert bin bo by ca cia da den do dra fax ford ga gen gi ham ka kin ko la land lia lin lo ly ma mar mo "
    "na ne nia nis no pa per pio ra rex ri ron sa sen sis so ta tech ter ti ton tra va ven vin vo wick xa ya "
    "zen zia"
)


def name(rng: np.random.Generator, n: int) -> pa.StringArray:
    """Names of people, firms and places: about 120 thousand different ones."""
    return join(_draw(_FIRST, rng, n), _draw(_MIDDLE, rng, n), _draw(_LAST, rng, n))


def number(rng: np.random.Generator, n: int) -> pa.StringArray:
    """Whole numbers from 2 to about 9,999, small ones more often."""
    return _texts(np.exp(rng.uniform(np.log(2), np.log(9999), n)).astype(np.int64))


def amount(rng: np.random.Generator, n: int) -> pa.StringArray:
    """Numbers with two decimals."""
    cents = rng.integers(100, 999_999, n)
    return join(_texts(cents // 100), pa.repeat(pa.scalar("."), n), _texts(10 + cents % 90))


def code(rng: np.random.Generator, n: int) -> pa.StringArray:
    """Codes of tickets, parts and orders, such as KD-48213."""
    letters = np.array(list("ABCDEFGHKLMNPRSTUVWXZ"))
    first, second = (pa.array(letters[rng.integers(0, len(letters), n)]) for _ in range(2))
    return join(first, second, pa.repeat(pa.scalar("-"), n), _texts(rng.integers(1000, 99999, n)))


def year(rng: np.random.Generator, n: int) -> pa.StringArray:
    """Years from 1650 to 2025, late ones more often."""
    return _texts(2025 - (rng.random(n) ** 3 * 375).astype(np.int64))


def _draw(words: list[str], rng: np.random.Generator, n: int) -> pa.StringArray:
    return pa.array(words).take(pa.array(rng.integers(0, len(words), n)))


def _texts(numbers: np.typing.NDArray[np.int64]) -> pa.StringArray:
    return pa.array(numbers).cast(pa.string())
