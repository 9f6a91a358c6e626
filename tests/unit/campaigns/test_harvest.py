"""Two facts of one customer together weigh what they can, and what hangs together among honest ones weighs less."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from stillwatch.campaigns.harvest import together_bits


@pytest.mark.parametrize("bits", [0.0, 3.0, 8.0])
def test_two_independent_facts_are_fishers_sum(bits: float) -> None:
    """Of independent facts the sum t weighs t less what either could have been: t - log2(1 + t ln 2)."""
    total = 2 * bits
    expected = total - np.log2(1 + total * np.log(2))
    np.testing.assert_allclose(together_bits(np.array([[bits], [bits]]), 0.0), [expected], atol=1e-9)


def test_what_hangs_together_weighs_less() -> None:
    """The more two facts hang together, the fewer bits they are; one fact seen twice is hardly more than once."""
    seen = [float(together_bits(np.full((2, 1), 6.0), r)[0]) for r in (0.0, 0.3, 0.6, 1.0)]
    assert seen == sorted(seen, reverse=True)
    assert seen[-1] == pytest.approx(6.0, abs=0.1)


@pytest.mark.parametrize("correlation", [0.0, 0.3, 0.6])
def test_honest_numbers_come_at_the_stated_rate(correlation: float) -> None:
    """Of correlated normals, b bits or more come at a rate of about 2^-b, never twice as often."""
    rng = np.random.default_rng(7)
    both = rng.multivariate_normal((0, 0), ((1, correlation), (correlation, 1)), 400_000).T
    bits = together_bits(-norm.logsf(both) / np.log(2), correlation)
    for level in (3, 6, 9):
        assert (bits >= level).mean() <= 2.0 * 2.0**-level
