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


_STEPS = 20_000
"""Places of a curve from which numbers are drawn."""


def _numbers() -> list[str]:
    """Whole numbers from 2 to about 9,999, small ones more often."""
    steps = np.linspace(np.log(2), np.log(9999), _STEPS)
    return [str(one) for one in np.exp(steps).astype(np.int64).tolist()]


def _years() -> list[str]:
    """Years from 1650 to 2025, late ones more often."""
    return [str(2025 - one) for one in (np.linspace(0, 1, 2000, endpoint=False) ** 3 * 375).astype(np.int64).tolist()]


RULES: dict[str, list[str]] = {
    "name": ["{name_first}{name_middle}{name_last}"],
    "name_first": _FIRST,
    "name_middle": _MIDDLE,
    "name_last": _LAST,
    "number": _numbers(),
    # numbers with two decimals
    "amount": ["{amount_whole}.{amount_cents}"],
    "amount_whole": [str(one) for one in range(1, 10_000)],
    "amount_cents": [str(one) for one in range(10, 100)],
    # codes of tickets, parts and orders, such as KD-48213
    "code_number": ["{code_letter}{code_letter}-{code_front}{code_digit}{code_digit}"],
    "code_letter": list("ABCDEFGHKLMNPRSTUVWXZ"),
    "code_front": [str(one) for one in range(10, 1000)],
    "code_digit": list("0123456789"),
    "year": _years(),
}
"""The rules of a grammar that make them."""


def _draw(words: list[str], rng: np.random.Generator, n: int) -> pa.StringArray:
    return pa.array(words).take(pa.array(rng.integers(0, len(words), n)))
