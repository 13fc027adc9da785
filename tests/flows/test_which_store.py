"""One rule says which store is meant, for every verb, a flow and Python, in whatever folder."""

import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fusion.results.outcome import Outcome
from fusion.sweep.definition import Sweep
from fusion.sweep.point_state import PointState
from fusion.sweep.points import sweep_points
from fusion.sweep.results import point_rows, write_tables
from fusion.sweep.store import OutcomeWriter, Store
from fusion.sweep.sweep_file import read_sweep
from fusion_flows.command import pictures, sweeps
from fusion_flows.command.cli import main
from fusion_flows.flows import known_stores
from fusion_flows.following.sweep_follower import table
from fusion_flows.runs.time_expressions import ArgumentError
from fusion_flows.server import address as server_address
from fusion_flows.server.address import LivingServer, ServerFile
from fusion_flows.server.settings import Settings

from . import in_process
from .prefect_server import Prefect

URL = "http://127.0.0.1:1/api"
SWEEP = """
template = "quick"
[grid]
path_order = ["km", "hops"]
erlang = [150, 200]
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return a folder with a sweep, in which we are; another one, `there`, has its results."""
    environment = dict(os.environ)
    for name in (
        *("PREFECT_API_URL", "PREFECT_PROFILE", "PREFECT_PROFILES_PATH"),
        *("FUSION_RUNS_DIR", "FUSION_STORE_DIR"),
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "home"))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    Path("s.toml").write_text(SWEEP)
    store = Store(tmp_path / "there" / "runs" / "store")
    points = sweep_points(read_sweep("s.toml"))
    store.describe(points)
    with OutcomeWriter(store.new_file()) as writer:
        for point in points:
            few = 30 if point.axes["path_order"] == "hops" else 60
            for number in range(3):
                blocked = few + number
                counts = (
                    number,
                    1000,
                    blocked,
                    3,
                    0,
                    1.5,
                    0.1,
                    1000 - blocked,
                    200,
                    0.2,
                    300,
                    0.3,
                    0.25,
                )
                writer.append([(point.key, Outcome(*counts))])
    yield tmp_path / "here"
    os.environ.clear()
    os.environ.update(environment)


VERBS = (
    ["compare", "s.toml", "path_order"],
    ["loads-at", "s.toml", "0.05"],
    ["plot", "s.toml"],
    ["report", "s.toml"],
)


def test_beside_a_living_fusion_up_all_read_its_store(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    there = here.parent / "there"
    with ServerFile() as file:
        file.write(LivingServer(URL, there / "runs", os.getpid()))
        assert Settings().runs_dir == there / "runs"
        assert sweeps.the_store().folder == there / "runs" / "store"
        assert sweeps.plan("s.toml").store == there / "runs" / "store"
        frame = sweeps.load_sweep("s.toml", ["blocking_probability"])
        assert list(frame["replications"]) == [3] * 4
        assert frame.attrs["store"] == str(there / "runs" / "store")
        for words in VERBS:
            assert main(words) == 0, capsys.readouterr().err
            said = capsys.readouterr()
            assert words[0] == "report" or str(there / "runs" / "store") in said.err
        assert "There is no result yet" not in Path("s-report.html").read_text()
        # What the flow and its simulator take, also after that `fusion up` has ended.
        server_address.configure()
    assert Settings().store == there / "runs" / "store"


@pytest.mark.parametrize("words", VERBS, ids=lambda words: words[0])
def test_what_only_shows_results_repeats_no_warning(
    here: Path, words: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    Path("s.toml").write_text(f"{SWEEP}[overrides.general_settings]\nprint_step = 7\n")
    with caplog.at_level(logging.WARNING):
        main(words)
    assert not caplog.records
    with caplog.at_level(logging.WARNING):
        assert main(["plan", "s.toml"]) == 0
    assert "print_step" in caplog.text, "a plan is where it is told"


@pytest.mark.parametrize("words", VERBS, ids=lambda words: words[0])
def test_nothing_found_is_an_error_that_names_the_stores(
    here: Path, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    known_stores.remember(Store(here.parent / "there" / "runs" / "store"))
    assert main(words) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert f"the store {here / 'runs' / 'store'} has results of 0 of the 4 points" in told.err
    other = here.parent / "there" / "runs" / "store"
    assert (
        f"The store {other} has results of 4 of the 4 points: set FUSION_STORE_DIR={other}"
        in told.err
    )
    assert sorted(path.name for path in here.iterdir()) == ["s.toml"]


def test_what_the_environment_says_comes_first_and_a_server_of_others_is_no_reason(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = here.parent / "there" / "runs"
    with ServerFile() as file:
        file.write(LivingServer(URL, there, os.getpid(), "/data/store"))
        assert sweeps.the_store().folder == Path("/data/store")
        monkeypatch.setenv("PREFECT_API_URL", "http://localhost:1/api/")  # the same server
        assert sweeps.the_store().folder == Path("/data/store")
        monkeypatch.setenv("FUSION_RUNS_DIR", str(there))
        assert sweeps.the_store().folder == Path("/data/store")
        assert sweeps.where_it_goes() == "What it computes goes to the store /data/store."
        monkeypatch.setenv("FUSION_RUNS_DIR", "mine")
        assert sweeps.the_store().folder == here / "mine" / "store"
        assert f"/data/store; plan, plot and the others read {here}" in sweeps.where_it_goes()
        monkeypatch.setenv("FUSION_STORE_DIR", "own")
        assert sweeps.the_store().folder == here / "own"
        monkeypatch.delenv("FUSION_STORE_DIR")
        monkeypatch.delenv("FUSION_RUNS_DIR")
        monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:2/api")
        assert sweeps.the_store().folder == here / "runs" / "store"
        assert "of the machine whose worker takes it" in sweeps.where_it_goes()
    monkeypatch.delenv("PREFECT_API_URL")
    assert sweeps.the_store().folder == here / "runs" / "store"


def test_an_empty_frame_says_where_results_are(
    here: Path, caplog: pytest.LogCaptureFixture
) -> None:
    known_stores.remember(Store(here.parent / "there" / "runs" / "store"))
    frame = sweeps.load_sweep("s.toml")
    assert frame.empty
    assert frame.attrs["store"] == str(here / "runs" / "store")
    assert str(here.parent / "there") in caplog.text


def test_a_report_of_a_run_reads_the_store_that_the_run_wrote(here: Path) -> None:
    run = here / "runs" / "0123456789ab"
    run.mkdir(parents=True)
    (run / "sweep.json").write_text(read_sweep("s.toml").model_dump_json())
    store = here.parent / "there" / "runs" / "store"
    (run / "run.json").write_text(f'{{"exit_code": 0, "store": "{store}"}}')
    assert "There is no result yet" not in pictures.report(str(run)).read_text()


@pytest.fixture
def file_of_run(here: Path) -> Path:
    """Return the sweep.json of a run that used the store `there`, and is itself in another folder."""
    run = here.parent / "runs" / "0123456789ab"
    run.mkdir(parents=True)
    (run / "sweep.json").write_text(read_sweep("s.toml").model_dump_json())
    store = here.parent / "there" / "runs" / "store"
    (run / "run.json").write_text(json.dumps({"exit_code": 130, "store": str(store)}))
    return run / "sweep.json"


def test_the_sweep_of_a_run_directory_means_the_store_of_its_run(
    here: Path,
    file_of_run: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    store = here.parent / "there" / "runs" / "store"
    monkeypatch.setenv("FUSION_RUNS_DIR", str(here / "mine"))
    said = f"{store}, which the run 0123456789ab of this sweep has used"
    for words in (["plan"], *VERBS):
        assert main([words[0], str(file_of_run), *words[2:]]) == 0, capsys.readouterr().err
        assert words[0] == "report" or said in capsys.readouterr().err
    assert "There is no result yet" not in Path("sweep-report.html").read_text()
    assert sweeps.plan(file_of_run).replications_left
    assert len(sweeps.load_sweep(file_of_run, ["blocking_probability"])) == 4
    monkeypatch.setenv("FUSION_STORE_DIR", str(here / "own"))
    assert sweeps.the_store(file_of_run).folder == here / "own"
    monkeypatch.delenv("FUSION_STORE_DIR")
    monkeypatch.delenv("FUSION_RUNS_DIR")
    with ServerFile() as file:  # of another folder; what is taken from it is not set by a person
        file.write(LivingServer(URL, here / "living", os.getpid()))
        server_address.configure()
        assert sweeps.the_store().folder == here / "living" / "store"
        assert sweeps.the_store(file_of_run).folder == store
        assert f"read {store}, which the run 0123456789ab" in sweeps.where_it_goes(file_of_run)
    (file_of_run.parent / "run.json").write_text('{"store": "/nowhere/store"}')
    assert sweeps.the_store(file_of_run).folder == here / "living" / "store"


def test_a_sweep_of_a_run_directory_goes_on_in_the_store_of_its_run(
    here: Path, file_of_run: Path, no_server: dict[str, str]
) -> None:
    store = Store(here.parent / "there" / "runs" / "store")
    before = len(store.files())
    done = subprocess.run(
        [sys.executable, "-m", "fusion_flows.command.cli", "sweep", str(file_of_run)],
        env=no_server,
        cwd=here,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said = f"The store is {store.folder}, which the run 0123456789ab of this sweep has used"
    assert done.stderr.count(said) == 1
    assert f"Store:   {store.folder}" in done.stdout
    assert len(store.files()) > before
    assert not list(here.glob("**/outcomes"))


def swept(here: Path) -> tuple[Sweep, list[PointState]]:
    """Make the run directory of a sweep as it is at its end."""
    run = here / "runs" / "0123456789ab"
    run.mkdir(parents=True)
    sweep, states, _ = sweeps.states_of("s.toml", Store(here.parent / "there" / "runs" / "store"))
    (run / "sweep.json").write_text(sweep.model_dump_json())
    write_tables(run / "output", states, sweep.axes)
    return sweep, states


def test_the_points_of_a_sweep_are_shown_from_its_files_as_prefect_shows_them(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sweep, states = swept(here)
    prefect = json.loads(table(point_rows(states, [sweep.metric]), sweep, "incomplete"))
    assert main(["show", "0123", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["points"] == prefect
    assert main(["show", "0123"]) == 0
    assert "path_order  load (E)  blocking" in capsys.readouterr().out


def test_the_points_of_a_sweep_are_shown_with_a_server_that_does_not_know_it(
    here: Path, server: Prefect
) -> None:
    _, states = swept(here)
    environment = {**server.environment, "FUSION_RUNS_DIR": str(here / "runs")}
    done = in_process.fusion(environment, here, "show", "0123", "--json")
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)["points"]) == len(states)


def test_stores_are_known_once_each_and_not_without_end(here: Path) -> None:
    stores = [Store(here / f"store {number}") for number in range(30)]
    for store in [*stores, stores[20]]:
        known_stores.remember(store)
    lines = (here.parent / "home" / "fusion-up" / "stores.txt").read_text().splitlines()
    assert lines == [str(store.folder) for store in (*stores[10:20], *stores[21:], stores[20])]


def test_a_plan_names_the_store_that_has_results(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = here.parent / "there" / "runs" / "store"
    known_stores.remember(Store(other))
    assert main(["plan", "s.toml"]) == 0
    assert (
        f"The store {other} has results of 4 of the 4 points: set FUSION_STORE_DIR={other}"
        in capsys.readouterr().err
    )
    with pytest.raises(
        ArgumentError, match=r"blocking is not a metric; available: .*blocking_prob"
    ):
        sweeps.load_sweep("s.toml", ["blocking"])
