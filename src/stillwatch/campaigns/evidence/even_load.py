"""Even load: a driver that spreads work leaves counts more even than independent people ever are."""

from __future__ import annotations

from stillwatch.campaigns.measures import Floats, Measures
from stillwatch.campaigns.registry import evidence


@evidence(
    "even-load",
    family="work",
    axis="coordination",
    needs=("account_id",),
    high=False,
    atlas="AML.T0021",
    sentence="its accounts send much the same number of exchanges: they differ by {observed:.0%} of the mean, those of "
    "unrelated users of one template by {expected:.0%}; work that is dealt out comes out even",
)
def even_load(measures: Measures, null: Measures) -> Floats:
    """Coefficient of variation of exchanges an account.

    Null: groups of unrelated accounts that use one mould or one set of parameters.
    Source: CatchSync (Jiang et al., KDD 2014) for the idea that spread work is too regular.
    """
    return measures.unevenness
