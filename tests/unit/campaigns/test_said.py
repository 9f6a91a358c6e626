"""An evidence's sentence shows a difference where there is one."""

from __future__ import annotations

import pytest

from stillwatch.campaigns.registry import measured_evidence


@pytest.mark.parametrize(
    ("name", "observed", "expected", "said"),
    [
        ("synchrony", 6.83, 0.857, "6.8 times"),
        ("synchrony", 0.931, 0.857, "0.93 times"),
        ("probing", 0.003, 0.0, "0.3% above"),
        ("single-shot", 0.9994, 0.9991, "99.94% of"),
        ("even-load", 0.9, 0.9, "90% of"),
        ("targets", 30.4, 1.0, "one honest account in 30 "),
    ],
)
def test_what_differs_is_told_with_as_many_digits_as_show_it(
    name: str, observed: float, expected: float, said: str
) -> None:
    """0.93 times against 0.86 is no 0.9 against 0.9; what is the same stays short."""
    assert said in measured_evidence()[name].said(observed, expected)
