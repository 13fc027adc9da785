import shutil
from pathlib import Path

import pytest

from fusion_flows.following.live_network import LiveNetwork
from fusion_flows.report.results import read_results
from fusion_flows.report.worst import worst_pair
from fusion_flows.rundir.directory import RunDirectory

from .conftest import Done


def test_what_is_seen_while_it_goes_on_ends_in_the_tables(done: Done, tmp_path: Path) -> None:
    run = RunDirectory(tmp_path / "0123456789ab")
    run.output.mkdir(parents=True)
    live = LiveNetwork(run, done.config, done.inputs)
    assert live.draw("png", 50) == b""
    whole = (done.run.output / "replications.jsonl").read_bytes()
    file = run.output / "replications.jsonl"
    lines = whole.splitlines(keepends=True)
    file.write_bytes(b"".join(lines[:2]) + lines[2][:100])
    first = live.results()
    assert first.load == 140
    assert len(first.links) == 44
    assert first.pairs[0]["blocking_probability_ci_lower"] is None, "of one replication"
    assert live.draw("png", 50).startswith(b"\x89PNG")
    assert b"<svg" in live.draw("svg", 50)
    file.write_bytes(whole)
    last, tables = live.results(), read_results(done.run)
    assert last.load == tables.load == 180
    for seen, row in zip(last.links, tables.links, strict=True):
        assert (seen["source"], seen["destination"]) == (row["source"], row["destination"])
        assert seen["utilisation"] == pytest.approx(row["utilisation"])
    worst, expected = worst_pair(last.pairs), worst_pair(tables.pairs)
    assert worst is not None
    assert expected is not None
    for name, value in worst.items():
        assert value == (
            expected[name] if isinstance(value, str) else pytest.approx(expected[name])
        )
    shutil.rmtree(run.path)
    assert live.results() == last, "files that are gone end nothing"


def test_a_file_that_is_written_anew_counts_once(done: Done, tmp_path: Path) -> None:
    run = RunDirectory(tmp_path / "0123456789ab")
    run.output.mkdir(parents=True)
    live = LiveNetwork(run, done.config, done.inputs)
    file = run.output / "replications.jsonl"
    header, *lines = (done.run.output / "replications.jsonl").read_bytes().splitlines(keepends=True)
    of_one_load = header + b"".join(line for line in lines if b'"erlang":180.0' in line)
    file.write_bytes(of_one_load)
    before = live.results()
    assert before.load == 180
    new = file.with_name("new")
    new.write_bytes(of_one_load)
    new.replace(file)
    assert live.results() == before
