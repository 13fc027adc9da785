"""Lines reach the server once, also when nobody hears that they have."""

import logging
import socket
from datetime import datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from fusion_flows.following import log_forwarder
from fusion_flows.following.log_forwarder import LogForwarder
from fusion_flows.rundir.log_stream import LogStream
from fusion_flows.server.connection import Connection, Unreachable

from .prefect_server import Prefect, wait_for
from .proxy import Proxy


def test_lines_whose_arrival_was_not_heard_of_are_not_sent_again(
    server: Prefect, tmp_path: Path
) -> None:
    proxy, run_id, log = Proxy(server.url), uuid4(), tmp_path / "sim.log"
    logger = logging.getLogger("test")

    def told() -> list[str]:
        return [line for _, line in server.log(str(run_id))]

    url = f"http://127.0.0.1:{proxy.port}/api"
    with temporary_settings({PREFECT_API_URL: url}), Connection(logger) as connection:
        forwarder = LogForwarder(LogStream(log, 1000), connection, run_id, logger)
        log.write_text("first\n")
        forwarder.forward()
        proxy.passes_answers = False
        log.write_text("first\nsecond\nWARNING third\n")
        with pytest.raises(Unreachable):
            forwarder.forward()
        wait_for(lambda: len(told()) == 3, 20, "the lines")
        proxy.passes_answers = True
        log.write_text("first\nsecond\nWARNING third\nWARNING fourth\n")
        assert connection.wait(20)
        forwarder.forward()
    proxy.close()
    assert told() == ["first", "second", "WARNING third", "WARNING fourth"]


def test_the_time_of_a_line_is_that_of_its_record_where_this_can_have_it(
    server: Prefect, tmp_path: Path
) -> None:
    now = datetime.now().astimezone().replace(microsecond=0)
    recent, old = (f"{now - timedelta(seconds=ago):%Y-%m-%d %H:%M:%S}" for ago in (1, 3600))
    log, run_id, logger = tmp_path / "sim.log", uuid4(), logging.getLogger("test")
    with temporary_settings({PREFECT_API_URL: server.url}), Connection(logger) as connection:
        forwarder = LogForwarder(LogStream(log, 10_000), connection, run_id, logger)
        forwarder._time = now - timedelta(seconds=2)  # when this began
        log.write_text(
            f"{recent} INFO    first\n{recent} INFO    second\n  goes on\n"
            f"{recent} WARNING third\n{old} WARNING of an hour ago\nno time\n"
        )
        forwarder.forward(last=True)
        asked = {"logs": {"flow_run_id": {"any_": [str(run_id)]}}, "sort": "TIMESTAMP_ASC"}
        found = server.api("POST", "logs/filter", asked)
    assert [record["message"] for record in found] == [
        "first",
        "second\n  goes on",
        "third",
        f"{old} WARNING of an hour ago",
        "no time",
    ]
    times = [datetime.fromisoformat(record["timestamp"]) for record in found]
    assert len(set(times)) == len(times)
    assert [time.replace(microsecond=0) for time in times[:3]] == 3 * [now - timedelta(seconds=1)]
    assert min(times[3:]) >= now


def test_a_flood_with_times_is_not_taken_apart() -> None:
    flood = "\n".join(f"2026-11-30 12:10:35 INFO    line {number}" for number in range(1000))
    assert log_forwarder._by_time(flood) == [flood]


def test_an_unreachable_server_is_told_in_words_that_hold_for_a_paused_run(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/api"
    with temporary_settings({PREFECT_API_URL: url}), Connection(logging.getLogger("test")) as away:
        wait_for(lambda: not away.wait(0) and caplog.messages, 30, "the warning")
    (said,) = caplog.messages
    assert said.startswith("The Prefect server does not answer (")
    assert said.endswith("). The run does not need it; updates are held back until it answers.")
