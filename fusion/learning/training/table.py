"""The tables of a training: its evaluations, the heuristics, and how the best agent compares with them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from fusion.learning.training.heuristics import KSP_FF, Measured
from fusion.results.comparison import blocking_difference
from fusion.results.files import write_atomic
from fusion.results.tables import csv_lines

Row = dict[str, Any]

COLUMNS = (
    *("steps", "seconds", "blocking_probability"),
    *("blocking_probability_ci_lower", "blocking_probability_ci_upper"),
    *("ksp_ff", "best_heuristic", "best_heuristic_blocking"),
    *("minus_ksp_ff", "minus_ksp_ff_ci_lower", "minus_ksp_ff_ci_upper"),
    *("minus_best", "minus_best_ci_lower", "minus_best_ci_upper"),
    *("is_best", "mean_reward", "entropy", "policy_loss", "value_loss", "approximate_kl"),
)
_INTERVAL = (
    "blocking_probability",
    "blocking_probability_ci_lower",
    "blocking_probability_ci_upper",
)
HEURISTIC_COLUMNS = ("policy", *_INTERVAL, "replications")
COMPARISON_COLUMNS = (
    *("policy", *_INTERVAL, "replications", "requests"),
    *("agent_minus", "agent_minus_ci_lower", "agent_minus_ci_upper", "verdict"),
)


def best_of(heuristics: Mapping[str, Measured], confidence: float) -> Measured:
    """Return the heuristic that blocks least; of equal ones the first."""
    return min(heuristics.values(), key=lambda each: each.blocking(confidence).mean)


def evaluation_row(agent: Measured, heuristics: Mapping[str, Measured], confidence: float) -> Row:
    """Return the blocking of an agent, and its difference to KSP-FF and to the best heuristic, by pairs."""
    blocking = agent.blocking(confidence)
    row: Row = {
        "blocking_probability": blocking.mean,
        "blocking_probability_ci_lower": blocking.ci_lower,
        "blocking_probability_ci_upper": blocking.ci_upper,
    }
    if not heuristics:
        return row
    best = best_of(heuristics, confidence)
    first = heuristics.get(KSP_FF)
    row["best_heuristic"] = best.name
    row["best_heuristic_blocking"] = best.blocking(confidence).mean
    if first is not None:
        row["ksp_ff"] = first.blocking(confidence).mean
    for name, other in (("minus_ksp_ff", first), ("minus_best", best)):
        if other is None:
            continue
        difference = blocking_difference(
            agent.blocked, agent.offered, other.blocked, other.offered, confidence, paired=True
        )
        row[name] = difference.mean
        row[f"{name}_ci_lower"] = difference.ci_lower
        row[f"{name}_ci_upper"] = difference.ci_upper
    return row


def heuristic_rows(found: Iterable[Measured], confidence: float) -> list[Row]:
    """Return a row of heuristics.csv for each policy."""
    return [
        {
            "policy": each.name,
            **dict(zip(_INTERVAL, each.blocking(confidence)[:3], strict=True)),
            "replications": len(each.blocked),
        }
        for each in found
    ]


def comparison_rows(found: Sequence[Measured], confidence: float) -> list[Row]:
    """Return a row of comparison.csv for each policy. found: the agent first.

    The difference is that of the agent to each other policy, by pairs.
    """
    agent = found[0]
    rows = heuristic_rows(found, confidence)
    for row, other in zip(rows, found, strict=True):
        row["requests"] = sum(other.offered)
        if other is agent:
            continue
        difference = blocking_difference(
            agent.blocked, agent.offered, other.blocked, other.offered, confidence, paired=True
        )
        row["agent_minus"] = difference.mean
        row["agent_minus_ci_lower"] = difference.ci_lower
        row["agent_minus_ci_upper"] = difference.ci_upper
        row["verdict"] = difference.verdict_between("the agent", other.name)
    return rows


def write_table(path: Path, rows: Sequence[Row]) -> None:
    """Write training.csv, complete or not at all. Raises OSError."""
    _write(path, COLUMNS, rows)


def write_heuristics(path: Path, rows: Sequence[Row]) -> None:
    """Write heuristics.csv, complete or not at all. Raises OSError."""
    _write(path, HEURISTIC_COLUMNS, rows)


def write_comparison(path: Path, rows: Sequence[Row]) -> None:
    """Write comparison.csv, complete or not at all. Raises OSError."""
    _write(path, COMPARISON_COLUMNS, rows)


def _write(path: Path, columns: Sequence[str], rows: Sequence[Row]) -> None:
    lines = csv_lines([columns, *([row.get(name) for name in columns] for row in rows)])
    write_atomic(path, lines.encode())
