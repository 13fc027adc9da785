"""Counts in messages, logs and reports agree with their nouns."""

import re

import pytest

from fusion.config.config import load_config
from fusion.config.counts import agreeing, counted
from fusion.results.progress import ProgressState
from fusion.scenario.inputs import read_inputs
from fusion_flows.command import cli
from fusion_flows.following.artifacts import news
from fusion_flows.report.setting import setting_lines

ONE = {
    "general_settings": {"erlang_start": 100, "erlang_stop": 100, "max_iters": 1},
    "routing_settings": {"k_paths": 1},
    "simulation_settings": {"warmup_requests": 1},
}
WRONG = re.compile(
    r"(?<![\d.,])1 (?:\w+ )?(loads|replications|requests|points|paths|slots|nodes|links)\b"
)


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0 loads"), (1, "1 load"), (2, "2 loads"), (1234, "1,234 loads")]
)
def test_a_noun_agrees_with_its_number(number: int, text: str) -> None:
    assert counted(number, "load") == text
    assert counted(number, "entry", "entries").endswith("y") == (number == 1)
    assert agreeing(number, "is", "are") == ("is" if number == 1 else "are")


def test_one_of_everything_is_said_in_the_singular(capsys: pytest.CaptureFixture[str]) -> None:
    config = load_config("quick", ONE)
    lines = setting_lines(config, read_inputs(config))
    assert "over 1 path by" in lines[0]
    assert "100 E; 1 replication of" in lines[1]
    assert "warm-up of 1 request;" in lines[1]

    state = ProgressState()
    state.add({"type": "start", "config": {"total_erlangs": 1, "total_iterations": 1}})
    assert news(state, 0.95) == "0/1 load, 0/1 replication"
    words = ["-s", "erlang_start=100", "-s", "erlang_stop=100"]
    assert cli.main(["validate", "quick", *words]) == 0
    said = capsys.readouterr().out
    assert "policy kspff, 100 Erlang" in said
    for text in (*lines, news(state, 0.95), said):
        assert not WRONG.search(text), text
