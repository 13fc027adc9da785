"""What the process of a run loads and does before somebody sees its first number."""

import subprocess
import sys
from pathlib import Path

from report.conftest import simulate

from fusion.results.progress import ProgressState
from fusion_flows.following.reporting import follow
from fusion_flows.process.tree import ProcessTree


def said(code: str) -> list[str]:
    """Return what a Python process prints."""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=True
    )
    return done.stdout.split()


def test_the_process_of_a_run_loads_no_compiler_and_draws_nothing_before_it_simulates() -> None:
    """The simulator has a process of its own, and pictures come at the end."""
    code = (
        "import sys, fusion_flows.flows.sim\n"
        "print(*sorted({'numba', 'scipy', 'matplotlib', 'pandas', 'jinja2'} & set(sys.modules)))"
    )
    assert said(code) == []


def test_the_form_asks_for_the_schema_of_a_section_once() -> None:
    code = (
        "from fusion.config.sections import SECTIONS\n"
        "asked = []\n"
        "for model in SECTIONS.values():\n"
        "    def schema(*_, of=model, make=model.model_json_schema, **options):\n"
        "        asked.append(of.__name__)\n"
        "        return make(**options)\n"
        "    model.model_json_schema = schema\n"
        "import fusion_flows.flows.sim\n"
        "print(len(asked), len(set(asked)))"
    )
    asked, different = said(code)
    assert int(asked) == int(different) > 0


def test_what_a_report_needs_is_loaded_while_the_simulator_starts(tmp_path: Path) -> None:
    run, _, _ = simulate(tmp_path, "0123456789ab")
    code = (
        "import sys\n"
        "from fusion.config.config import load_config\n"
        "from fusion.scenario.inputs import read_inputs\n"
        "from fusion_flows.following import publish\n"
        "from fusion_flows.report.preload import preload\n"
        "from fusion_flows.rundir.directory import RunDirectory\n"
        "from pathlib import Path\n"
        f"run = RunDirectory(Path({str(run.path)!r}))\n"
        "config = load_config(str(run.config))\n"
        "inputs = read_inputs(config)\n"
        "preload().join()\n"
        "before = set(sys.modules)\n"
        "publish.find(run, config, inputs, '')\n"
        "slow = ('matplotlib', 'jinja2', 'PIL', 'scipy', 'fusion_flows')\n"
        "print(*(name for name in set(sys.modules) - before if name.partition('.')[0] in slow))"
    )
    assert said(code) == []


def test_the_first_load_is_shown_as_soon_as_it_is_complete(tmp_path: Path) -> None:
    """A look comes about once a second; the first number is not to wait for that."""
    state, shown = ProgressState(), []
    code = "import time; time.sleep(0.9)"

    def glance() -> None:
        state.completed[140.0] = {}

    def look() -> None:
        glance()
        shown.append(len(state.completed))

    def is_urgent() -> bool:
        return bool(state.completed) and len(shown) == 1

    with ProcessTree([sys.executable, "-c", code], log=tmp_path / "log", grace_seconds=1) as tree:
        follow(tree, look, lambda: None, glance, is_urgent=is_urgent)
    assert len(shown) >= 2
