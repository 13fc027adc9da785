"""Exact cases: Markov chains, Erlang B and the comparison with Kaufman–Roberts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from validation.link_models import POLICY_NAMES, RequestClass

DATA = Path(__file__).parents[1] / "tests" / "data"


class ExactCase(NamedTuple):
    """A model of a few links and its blocking probabilities, one per class."""

    name: str
    classes: list[RequestClass]
    slots: int
    policy: tuple[str, str]
    blocking: list[float]


def markov_cases() -> list[ExactCase]:
    """Return the Markov chains of exact.json."""
    return [
        ExactCase(
            name=entry["name"],
            classes=[RequestClass(*one) for one in entry["classes"]],
            slots=entry["slots"],
            policy=POLICY_NAMES[entry["policy"]],
            blocking=entry["blocking"],
        )
        for entry in _entries("ctmc")
    ]


def erlang_cases() -> list[ExactCase]:
    """Return the Erlang B entries of exact.json as one link on which every lightpath takes a slot."""
    return [
        ExactCase(
            name=f"Erlang B, {entry['servers']} slots, {entry['erlang']} Erlang",
            classes=[RequestClass(entry["erlang"], 1, [[0]])],
            slots=entry["servers"],
            policy=POLICY_NAMES["kspff"],
            blocking=[entry["blocking"]],
        )
        for entry in _entries("erlang_b")
    ]


def kaufman_roberts_cases() -> list[ExactCase]:
    """Return the Kaufman–Roberts entries of exact.json, which hold without contiguity."""
    return [
        ExactCase(
            name=f"Kaufman-Roberts, {entry['slots']} slots",
            classes=[RequestClass(erlang, width, [[0]]) for erlang, width in entry["classes"]],
            slots=entry["slots"],
            policy=POLICY_NAMES["kspff"],
            blocking=entry["blocking"],
        )
        for entry in _entries("kaufman_roberts")
    ]


def erlang_b(servers: int, erlang: float) -> float:
    """Return the Erlang B blocking probability by its recursion over the servers."""
    blocking = 1.0
    for n in range(1, servers + 1):
        blocking = erlang * blocking / (n + erlang * blocking)
    return blocking


def kaufman_roberts(slots: int, classes: Sequence[RequestClass]) -> list[float]:
    """Return the blocking of each class on a link whose slots need not be contiguous.

    Kaufman, IEEE Trans. Commun. 29 (1981); Roberts, Perf. of Data Commun. Systems (1981):
    n q(n) = sum over classes of erlang * width * q(n - width).
    """
    q = [1.0]
    for n in range(1, slots + 1):
        terms = (one.erlang * one.width * q[n - one.width] for one in classes if one.width <= n)
        q.append(sum(terms) / n)
    return [sum(q[slots - one.width + 1 :]) / sum(q) for one in classes]


def _entries(kind: str) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = json.loads((DATA / "exact.json").read_text())[kind]
    return entries
