from __future__ import annotations

from pathlib import Path

import pytest

from stillwatch.traffic_range.worlds import WORLDS
from stillwatch.traffic_range.write import write_world


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's world at a tenth of its size."""
    out = tmp_path_factory.mktemp("worlds") / "demo"
    write_world(WORLDS["demo"], out, seed=7, scale=0.1)
    return out
