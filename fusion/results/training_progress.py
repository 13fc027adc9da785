"""How far the training of an agent is, according to its events (`fusion.results.progress`)."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fusion.results.progress import Event, ProgressReader, compiling_text

Row = dict[str, Any]


@dataclass
class TrainingProgress:
    """What the events so far say."""

    steps: int = 0
    """Steps in all; 0: nothing has begun."""
    done: int = 0
    heuristics: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Name -> blocking with its interval, in the replications of the evaluations."""
    rows: dict[int, Row] = field(default_factory=dict)
    """Steps -> row of training.csv; an evaluation that is done again after a kill replaces itself."""
    comparing: bool = False
    """Whether the best agent is being compared in the replications of a run."""
    compiling: str = ""
    error: str | None = None
    exit_code: int | None = None
    began: float | None = None
    done_before: int = 0
    """Steps that earlier attempts had done."""

    def add(self, event: Event) -> None:
        """Take one event in."""
        kind = event["type"]
        if kind == "training":
            self.steps = int(event["steps"])
            self.done = min(int(event["done"]), self.steps)
            self.done_before, self.began = self.done, None
            self.error = self.exit_code = None
            self.comparing, self.compiling = False, ""
        elif kind == "compiling":
            self.compiling = compiling_text(event)
        elif kind == "heuristic":
            self.heuristics[str(event["name"])] = event["blocking"]
        elif kind == "trained":
            if self.began is None:
                self.began = time.monotonic()
                self.done_before = min(int(event["done"]), self.steps)
            # The last rollout is a whole one, and may go beyond the last step.
            self.done, self.compiling = min(int(event["done"]), self.steps), ""
        elif kind == "evaluation":
            self.rows[int(event["row"]["steps"])] = event["row"]
        elif kind == "comparing":
            self.comparing = True
        elif kind == "complete":
            self.exit_code = int(event.get("exit_code", 0))
        elif kind == "error":
            self.error = str(event.get("message", ""))

    @property
    def fraction(self) -> float:
        """Share of the steps that is done, 0 to 1; an early stop makes it 1 before its time."""
        if self.exit_code == 0 or self.comparing:
            return 1.0
        return min(self.done / self.steps, 1.0) if self.steps else 0.0

    @property
    def comparison(self) -> str:
        """What is being simulated for comparison while no agent learns; empty while one does."""
        if self.exit_code is not None:
            return ""
        if self.comparing:
            return "comparing agent and heuristics in the replications of a run"
        return "" if self.began is not None or self.rows else "measuring heuristics"

    @property
    def latest(self) -> Row | None:
        """The last evaluation."""
        return self.rows[max(self.rows)] if self.rows else None

    @property
    def best(self) -> Row | None:
        """The evaluation with the least blocking."""
        rows = sorted(self.rows.values(), key=lambda row: int(row["steps"]))
        return min(rows, key=lambda row: float(row["blocking_probability"]), default=None)

    @property
    def seconds_left(self) -> float | None:
        """Time until the last step at the rate of this attempt, in seconds; None before there is a rate."""
        gained = self.done - self.done_before
        if self.began is None or gained <= 0:
            return None
        return (time.monotonic() - self.began) * (self.steps - self.done) / gained


def training_progress_of(path: Path) -> TrainingProgress:
    """Return what the events of a file say so far."""
    state = TrainingProgress()
    for event in ProgressReader(path).read():
        state.add(event)
    return state
