"""The picture of a sweep while it runs."""

import base64
import re
import signal
import threading
import time
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from fusion_flows.following import live_plot
from fusion_flows.following.live_plot import LivePlot

from .prefect_server import Prefect, wait_for
from .started import GOING_ON
from .test_sweep import ON_ONE_CORE

CALL = """
import os
os.environ["FUSION_STORE_DIR"] = {store!r}
from fusion_flows import fusion_sweep
from fusion_flows.following import live_plot
live_plot.FIRST_SECONDS, live_plot.LEAST_SECONDS, live_plot.SHARE = 2, 1, 1
fusion_sweep({sweep!r}, name={name!r})
"""


def width(markdown: str) -> int:
    """Return how many pixels wide a picture is."""
    match = re.fullmatch(r"!\[.*\]\(data:image/svg\+xml;base64,(\S+)\)", markdown)
    assert match is not None, markdown[:100]
    return int(ElementTree.fromstring(base64.b64decode(match[1])).attrib["width"])


@pytest.mark.slow
def test_a_running_sweep_shows_a_picture_that_changes_with_it(
    server: Prefect, tmp_path: Path
) -> None:
    script = tmp_path / "call.py"
    store = str(tmp_path / "store")
    script.write_text(CALL.format(store=store, sweep=ON_ONE_CORE, name=str(tmp_path)))
    process = server.call(str(script))
    run_id = server.named(str(tmp_path))

    def shown() -> dict[str, Any]:
        found = server.artifacts(run_id).get("plot", {})
        return found if "running" in found.get("description", "") else {}

    first = wait_for(shown, 60, "a picture")
    assert server.run(run_id)["state_type"] == "RUNNING"
    assert len(first["data"]) < 200_000
    before = width(first["data"])
    assert before > 200
    wait_for(lambda: shown().get("data", first["data"]) != first["data"], 60, "the next picture")
    assert server.run(run_id)["state_type"] == "RUNNING"
    process.send_signal(signal.SIGINT)
    process.wait(30)
    assert server.run(run_id)["state_type"] == "CANCELLED"
    artifacts = server.artifacts(run_id)
    assert width(artifacts["plot"]["data"]) == before
    done = artifacts["progress"]["description"].split(",")[-1]
    assert artifacts["plot"]["description"].endswith(done), "the last one has all there is"
    assert not any("cannot draw" in line for _, line in server.log(run_id))


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_plot, "FIRST_SECONDS", 0.0)
    monkeypatch.setattr(live_plot, "LEAST_SECONDS", 0.0)


def svg(text: str) -> bytes:
    return f"<svg><style></style><text>{text}</text></svg>".encode()


def content(markdown: str) -> str:
    """Return what is in a picture."""
    return base64.b64decode(markdown.partition(";base64,")[2].rstrip(")")).decode()


def next_picture(plot: LivePlot) -> str:
    found: str = wait_for(plot.look, 10, "a picture")
    return found


@pytest.mark.usefixtures("quick")
def test_nobody_waits_for_a_picture_but_at_the_end() -> None:
    may_go_on, drawn = threading.Event(), []

    def draw(_form: str, _dpi: int) -> bytes:
        drawn.append(threading.current_thread())
        may_go_on.wait(10)
        return svg(f"picture {len(drawn)}")

    plot = LivePlot(draw, 0)
    assert [plot.look() for _ in range(3)] == ["", "", ""]
    assert len(drawn) == 1
    assert drawn[0] is not threading.main_thread()
    may_go_on.set()
    first = next_picture(plot)
    assert "picture 1" in content(first)
    assert plot.look() == "", "a picture is told once"
    assert plot.look(last=True) not in ("", first), "there is a new one at the end"


@pytest.mark.usefixtures("quick")
def test_what_takes_long_is_done_seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_plot, "SHARE", 1e-4)
    drawn = []

    def draw(_form: str, _dpi: int) -> bytes:
        drawn.append(1)
        end = time.thread_time() + 0.05
        while time.thread_time() < end:
            pass
        return svg("picture")

    plot = LivePlot(draw, 0)
    next_picture(plot)
    for _ in range(20):
        assert plot.look() == ""
        time.sleep(0.01)
    assert len(drawn) == 1
    many = LivePlot(draw, 1000)
    assert many.look() == ""
    assert many.look(last=True) == "", "where there was none there is none at the end"
    assert len(drawn) == 1


@pytest.mark.usefixtures("quick")
def test_a_picture_that_fails_or_is_too_large_ends_nothing() -> None:
    asked = []

    def draw(form: str, dots_per_inch: int) -> bytes:
        asked.append((form, dots_per_inch))
        if len(asked) > 3:
            raise MemoryError("no room")
        if form == "svg":
            return svg("!" * live_plot._MOST_BYTES)
        return bytes(live_plot._MOST_BYTES) + b"!" if len(asked) == 2 else b"smaller"

    plot = LivePlot(draw, 0)
    assert base64.b64encode(b"smaller").decode() in next_picture(plot)
    assert [form for form, _ in asked[:3]] == ["svg", "png", "png"]
    assert asked[1] > asked[2]
    wait_for(lambda: plot.look() or plot.error, 10, "an error")
    assert isinstance(plot.error, MemoryError)
    assert plot.look() == plot.look(last=True) == ""
    assert len(asked) == 4


def test_a_running_run_shows_how_full_its_links_are(server: Prefect, tmp_path: Path) -> None:
    script = tmp_path / "call.py"
    script.write_text(
        "from fusion_flows import fusion; from fusion_flows.following import live_plot\n"
        "live_plot.FIRST_SECONDS, live_plot.LEAST_SECONDS, live_plot.SHARE = 1, 1, 1\n"
        f"fusion(overrides={GOING_ON!r}, name={str(tmp_path)!r})\n"
    )
    process = server.call(str(script))
    run_id = server.named(str(tmp_path))
    shown = wait_for(lambda: server.artifacts(run_id).get("plot"), 60, "a picture")
    assert server.run(run_id)["state_type"] == "RUNNING"
    assert width(shown["data"]) > 400
    assert len(shown["data"]) < 200_000
    process.send_signal(signal.SIGINT)
    process.wait(30)
    assert not any("cannot draw" in line for _, line in server.log(run_id))
