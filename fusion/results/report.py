"""What a run reports while it runs: progress events for programs, log lines for people."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fusion.config.config import Config
from fusion.config.counts import counted
from fusion.network.topology import Topology, lengths_text
from fusion.results.interval_text import with_interval
from fusion.results.logging_config import get_logger
from fusion.results.measured import Replication
from fusion.results.progress import ProgressWriter
from fusion.results.stopping import LoadState

log = get_logger("fusion.simulation")


class Report:
    """The events and log lines of one run, in the order in which things happen."""

    def __init__(
        self,
        config: Config,
        states: Mapping[float, LoadState[Replication]],
        progress: ProgressWriter,
    ) -> None:
        """states: the loads of the run, by their Erlang."""
        self._config = config
        self._states = states
        self._progress = progress
        self._index = {load: index for index, load in enumerate(states)}
        self._started: set[float] = set()
        self._finished: set[float] = set()

    def start(self, topology: Topology, paths: int) -> None:
        """Tell what is going to be simulated."""
        general = self._config.general_settings
        self._progress.write(
            "start",
            config={
                "total_erlangs": len(self._states),
                "total_iterations": general.max_iters,
                "erlang_start": general.erlang_start,
                "erlang_stop": general.erlang_stop,
                "erlang_step": general.erlang_step,
                "topology": topology.name,
                "policy": self._config.policy,
            },
        )
        loads = self._config.loads
        span = f"{loads[0]:g} Erlang"
        if len(loads) > 1:
            span = f"{len(loads)} loads from {loads[0]:g} to {loads[-1]:g} Erlang"
        log.info(
            "%s (%s, %s, %s), policy %s, %s",
            topology.name,
            counted(len(topology.nodes), "node"),
            counted(len(topology.links), "link"),
            counted(paths, "candidate path"),
            self._config.policy,
            span,
        )
        log.info("%s", lengths_text(topology))

    def compiling(self, seconds: float) -> None:
        """Tell that the event loop is being compiled, which takes about so many seconds."""
        self._progress.write("compiling", seconds=seconds)

    def computing(self) -> None:
        """Tell that the first replication begins."""
        self._progress.write("computing")

    def start_load(self, state: LoadState[Replication]) -> None:
        """Tell, once, that the first replication of a load is starting."""
        if state.erlang in self._started:
            return
        self._started.add(state.erlang)
        self._progress.write(
            "erlang_start",
            erlang=state.erlang,
            erlang_index=self._index[state.erlang],
            total_erlangs=len(self._states),
        )

    def replication(self, replication: Replication, *, resumed: bool = False) -> None:
        """Tell that a replication is done, or was there from an earlier start."""
        extra = {"resumed": True} if resumed else {}
        self._progress.write(
            "iteration",
            erlang=replication.erlang,
            iteration=replication.replication,
            total_iterations=self._config.general_settings.max_iters,
            metrics={
                "blocking_prob": replication.blocking_probability,
                "bit_rate_blocking_prob": replication.bit_rate_blocking_probability,
                "requests": replication.requests,
                "blocked": int(replication.traffic.blocked.sum()),
            },
            **extra,
        )

    def has_finished(self, state: LoadState[Replication]) -> bool:
        """Say whether `finish_load` has been told of this load."""
        return state.erlang in self._finished

    def finish_load(self, point: Mapping[str, Any]) -> None:
        """Tell the result of a load. point: its row of points.csv."""
        self._finished.add(point["erlang"])
        confidence = point["confidence"]
        self._progress.write(
            "erlang_complete",
            erlang=point["erlang"],
            metrics={
                "mean_blocking": point["blocking_probability"],
                "ci_lower": point["blocking_probability_ci_lower"],
                "ci_upper": point["blocking_probability_ci_upper"],
                "confidence": confidence,
                "replications": point["replications"],
                "blocked": point["blocked"],
                "requests": point["requests"],
                "stop_reason": point["stop_reason"],
            },
        )
        log.info("%s", describe_point(point))

    def end(self, complete: bool, replications: int, seconds: float, directory: Path) -> None:
        """Tell how far the run got."""
        log.info(
            "%s: %d of %s, %s, %.1f s; results in %s",
            "complete" if complete else "interrupted",
            len(self._finished),
            counted(len(self._states), "load"),
            counted(replications, "replication"),
            seconds,
            directory,
        )


def describe_point(point: Mapping[str, Any]) -> str:
    """Return a line such as "170 Erlang: blocking 0.0303 [0.0301, 0.0305] (95 %, 10 replications)"."""
    lower, upper = point["blocking_probability_ci_lower"], point["blocking_probability_ci_upper"]
    percent = f"{100 * point['confidence']:g} %"
    count = point["replications"]
    replications = counted(count, "replication")
    if not point["blocked"]:
        bound = f"blocking below {upper:.2g} ({percent}, none blocked in {replications})"
        return f"{point['erlang']:g} Erlang: {bound}"
    mean = point["blocking_probability"]
    blocking = with_interval(mean, lower, upper) if count > 1 else f"{mean:.4g} with no interval"
    if point["blocked_out_of_reach"]:
        share = point["blocked_out_of_reach"] / point["blocked"]
        replications += f"; {100 * share:.0f} % of it out of reach of every modulation format"
    if point["blocked_by_quality"]:
        share = point["blocked_by_quality"] / point["blocked"]
        replications += f"; {100 * share:.0f} % of it had slots and not the signal quality"
    return f"{point['erlang']:g} Erlang: blocking {blocking} ({percent}, {replications})"
