"""What is said of a sweep while it goes on: how far it is, how long the rest takes, what it waits for."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from uuid import uuid4

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from fusion.results.outcome import Outcome
from fusion.results.progress import ProgressWriter
from fusion.sweep.computation import compute
from fusion.sweep.definition import Sweep
from fusion.sweep.point_state import PointState, point_states
from fusion.sweep.points import sweep_points
from fusion.sweep.store import OutcomeWriter
from fusion_flows.following import sweep_follower
from fusion_flows.following.onlooker import News, looking_on
from fusion_flows.following.parts import Parts
from fusion_flows.following.sweep_follower import SweepFollower
from fusion_flows.rundir import directory as rundir
from fusion_flows.runs.by_files import run_by_files
from fusion_flows.server.connection import Connection, Unreachable
from fusion_flows.server.settings import Settings

from .prefect_server import free_port

SWEEP = Sweep(
    template="quick",
    overrides={"general_settings": {"num_requests": 500, "max_iters": 4}},
    grid={"k_paths": [1, 3], "erlang": [150.0]},
)
Outcomes = list[tuple[str, Outcome]]


def states_with(outcomes: Outcomes) -> list[PointState]:
    """Return the points of the sweep, with these outcomes in the store."""
    points = sweep_points(SWEEP)
    stored: dict[str, dict[int, Outcome]] = {point.key: {} for point in points}
    for key, outcome in outcomes:
        stored[key][outcome.replication] = outcome
    return point_states(points, stored, SWEEP.metric)


@pytest.fixture(scope="module")
def outcomes() -> Outcomes:
    """Return all outcomes of the sweep, those of one point after those of the other."""
    found = compute(states_with([]), 1, lambda: False)
    return sorted((each for batch in found for each in batch), key=lambda each: each[0])


class Scene:
    """A follower of a sweep of which half is in the store, with a clock that a test moves."""

    def __init__(self, folder: Path, clock: list[float], outcomes: Outcomes) -> None:
        self.clock = clock
        self.run = rundir.create(folder, "0123456789ab", sweep=SWEEP.model_dump_json())
        self.left = outcomes[4:]
        self.states = states_with(outcomes[:4])
        self.events = ProgressWriter(self.run.progress)
        logger = logging.getLogger("of this test")
        self.connection = Connection(logger)
        self.follower = SweepFollower(
            *(self.run, uuid4(), self.connection, logger, SWEEP, self.states),
            cores=1,
            settings=Settings(),
            parts=Parts(uuid4(), self.connection),
        )
        self.follower.read_from(folder / "outcomes.csv")
        self.writer = OutcomeWriter(folder / "outcomes.csv")

    def news(self, seconds: float = 0.0) -> News:
        """Return what is said so many seconds later."""
        self.clock[0] += seconds
        found: list[News] = []
        with looking_on(found.append):
            self.follower.glance()
        return found[-1]

    def deliver(self, count: int) -> None:
        """Have so many replications written."""
        self.writer.append(self.left[:count])
        del self.left[:count]


@pytest.fixture
def scene(tmp_path: Path, outcomes: Outcomes, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    """Return a scene in an empty folder."""
    clock = [1000.0]
    monkeypatch.setattr(sweep_follower, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    made = Scene(tmp_path, clock, outcomes)
    with made.writer:
        yield made


def test_the_time_left_is_that_of_what_is_computed_now(scene: Scene) -> None:
    scene.events.write("start", points=2, done=1)
    scene.events.write("compiling")
    news = scene.news(60.0)
    assert (news.seconds_left, news.now) == (None, "compiling, 1 waiting")
    scene.events.write("compiling", seconds=30.0)
    news = scene.news(10.0)
    assert news.now == "compiling (about 30 s, once), 1 waiting"
    before = news.seconds_left
    assert before is not None
    assert before > 29.0
    assert scene.news(10.0).seconds_left == pytest.approx(before - 10.0)
    scene.events.write("computing")
    assert scene.news(60.0).now == "1 waiting"
    scene.deliver(2)
    news = scene.news(10.0)
    assert [(bar.done, bar.total) for bar in news.bars] == [(1, 2), (6, 8)]
    assert news.seconds_left == pytest.approx(10.0)


def test_where_nobody_says_that_it_begins_time_counts_from_the_first_outcomes(scene: Scene) -> None:
    scene.deliver(1)
    scene.news(300.0)
    scene.deliver(2)
    assert scene.news(10.0).seconds_left == pytest.approx(5.0)


def test_lists_without_a_server_say_how_far_a_sweep_is(scene: Scene) -> None:
    assert run_by_files(scene.run).percent is None, "it has not begun"
    scene.events.write("compiling")
    scene.news()
    away = temporary_settings({PREFECT_API_URL: f"http://127.0.0.1:{free_port()}/api"})
    with away, scene.connection, pytest.raises(Unreachable):
        scene.follower.pass_on()
    said = json.loads(scene.run.news.read_text())
    assert said == {"percent": 50.0, "news": "compiling, 1/2 points, 1 waiting, 4/8 replications"}
    run = run_by_files(scene.run)  # which has no process
    assert (run.state, run.percent) == ("Interrupted", 50.0)
    assert run.news == "1/2 points, 1 not begun, 4/8 replications"
