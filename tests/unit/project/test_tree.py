"""The tree is the way of the data: imports point one way, pages written from the code are current, commands exist."""

from __future__ import annotations

import ast
import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SOURCE = ROOT / "src" / "stillwatch"

GROUND = {"schema", "errors", "engine"}
STEPS = [
    *("sources", "fingerprint", "templates", "profiles", "links", "networks", "campaigns"),
    *("report", "review", "audit", "store", "scan"),
]
"""Each may import those before it, and the ground floor."""

BESIDE = {
    "traffic_range": {"sources"},
    "evaluate": {"sources", "campaigns", "report", "scan", "traffic_range"},
    "benchmark": {"sources", "fingerprint", "templates", "links", "networks", "scan", "traffic_range", "evaluate"},
}
"""What measures detection is no part of it: it reads the same tables, and no step knows it. What measures the whole
stands above all of them."""


def imports(path: Path) -> set[str]:
    """Steps that a module imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module == "stillwatch":
            names += [f"stillwatch.{alias.name}" for alias in node.names]
        found |= {name.split(".")[1] for name in names if name.startswith("stillwatch.")}
    return {name for name in found if (SOURCE / name).is_dir() or (SOURCE / f"{name}.py").exists()}


def modules(step: str) -> list[Path]:
    """The modules of a step."""
    return sorted((SOURCE / step).rglob("*.py"))


@pytest.mark.parametrize("step", STEPS)
def test_steps_import_only_earlier_steps(step: str) -> None:
    """No step calls back to a later one."""
    allowed = GROUND | set(STEPS[: STEPS.index(step) + 1])
    wrong = {str(p.relative_to(SOURCE)): imports(p) - allowed for p in modules(step) if imports(p) - allowed}
    assert wrong == {}


@pytest.mark.parametrize("step", sorted(BESIDE))
def test_worlds_and_scores_stand_beside_the_detection(step: str) -> None:
    """The range knows formats and tables, and nothing of how campaigns are found."""
    allowed = GROUND | BESIDE[step] | {step}
    wrong = {str(p.relative_to(SOURCE)): imports(p) - allowed for p in modules(step) if imports(p) - allowed}
    assert wrong == {}


@pytest.mark.parametrize("step", sorted(GROUND))
def test_the_ground_floor_stands_by_itself(step: str) -> None:
    """Schema, errors and engine import no step."""
    paths = modules(step) or [SOURCE / f"{step}.py"]
    assert {name for path in paths for name in imports(path) - GROUND} == set()


def test_pages_written_from_the_code_are_current() -> None:
    """docs/evidence.md, tables.md and commands.md are what the code says; mend: run tools/docs.py."""
    spec = importlib.util.spec_from_file_location("docs", ROOT / "tools" / "docs.py")
    assert spec is not None
    assert spec.loader is not None
    docs = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(docs)
    assert docs.stale() == []


def test_every_command_can_be_imported() -> None:
    """Each name on the command line leads to a function with help for each option."""
    from stillwatch.cli import COMMANDS, HIDDEN

    places = [place for place, _ in COMMANDS.values()] + list(HIDDEN.values())
    for place in places:
        module, _, name = place.partition(":")
        function = getattr(importlib.import_module(f"stillwatch.commands.{module}"), name)
        assert callable(function)
        assert function.__doc__


def test_help_imports_no_step_of_the_pipeline() -> None:
    """`stillwatch --help` starts at once: nothing heavy is imported for it."""
    import subprocess
    import sys

    code = (
        "import sys\nfrom stillwatch.cli import run\nrun(['--help'])\n"
        "heavy = {'numpy', 'pyarrow', 'duckdb', 'numba', 'scipy'} & set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "scan" in done.stdout
