"""When there are enough replications: the rules, and the state of one load of a run."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from operator import attrgetter
from typing import Generic, NamedTuple, Protocol, TypeVar

from fusion.config.config import Config
from fusion.results.statistics import probability_interval, student_t, upper_bound_of_zero
from fusion.results.stopping_as_fusion import FusionRule


class Task(NamedTuple):
    """One replication to do. erlang: the load."""

    erlang: float
    replication: int
    warmup_requests: int


class StoppingRule(Protocol):
    """Says after each replication of one load, in their order, whether it was the last."""

    def add(self, value: float, requests: float) -> str | None:
        """Take the blocking probability of the next replication; return why to stop, or None.

        requests: how many it is the share of.
        """
        ...


class FixedReplications:
    """Stop after a number of replications that was set before."""

    def __init__(self, replications: int) -> None:
        """replications: how many."""
        self._left = replications

    def add(self, value: float, requests: float) -> str | None:
        """Take one replication in; return "fixed" at the last."""
        self._left -= 1
        return "fixed" if self._left <= 0 else None


class Precision:
    """Stop when the interval is narrow, and has stayed narrow over a look-ahead.

    A rule that stops the first time the interval happens to be narrow stops too early too often and loses
    coverage. This one goes on for a look-ahead, which grows in proportion to n above 100 replications, and
    starts anew if the interval gets wide in it (Hoad, Robinson, Davies, J. Oper. Res. Soc. 61, 2010, 1632).
    """

    def __init__(
        self,
        relative: float,
        absolute: float,
        confidence: float,
        minimum: int,
        maximum: int,
        look_ahead: int,
    ) -> None:
        """relative: half the interval over the mean. absolute: half the interval; one of both is enough.

        minimum, maximum, look_ahead: replications.
        """
        self._relative = relative
        self._absolute = absolute
        self._confidence = confidence
        self._minimum = minimum
        self._maximum = maximum
        self._look_ahead = look_ahead
        self._n = 0
        self._mean = 0.0
        self._squares = 0.0
        self._requests = 0.0
        self._narrow_since: int | None = None

    def add(self, value: float, requests: float) -> str | None:
        """Take one replication in; return "precision" or "max_iters" at the last."""
        self._n += 1
        step = value - self._mean
        self._mean += step / self._n
        self._squares += step * (value - self._mean)
        self._requests += requests
        if self._n >= self._minimum:
            if not self._is_narrow():
                self._narrow_since = None
            elif self._narrow_since is None:
                self._narrow_since = self._n
        if self._narrow_since is not None:
            ahead = self._look_ahead * max(1.0, self._narrow_since / 100.0)
            if self._n >= self._narrow_since + math.floor(ahead):
                return "precision"
        return "max_iters" if self._n >= self._maximum else None

    def _is_narrow(self) -> bool:
        if self._n < 2:
            return False
        if self._mean in (0.0, 1.0):  # what is known then is a bound, see `upper_bound_of_zero`
            return upper_bound_of_zero(self._requests, self._confidence) <= self._absolute
        if self._squares <= (1e-12 * self._mean) ** 2 * self._n:  # equal but for rounding
            return False
        error = math.sqrt(self._squares / (self._n - 1) / self._n)
        quantile = student_t(self._confidence, self._n - 1)
        lower, upper = probability_interval(self._mean, error, quantile)
        return 0.5 * (upper - lower) <= max(self._relative * self._mean, self._absolute)


class Finished(Protocol):
    """What a rule has to know of a finished replication."""

    @property
    def replication(self) -> int:
        """Its number."""
        ...

    @property
    def requests(self) -> int:
        """Requests that were measured."""
        ...

    @property
    def blocking_probability(self) -> float:
        """Blocked over offered requests."""
        ...


F = TypeVar("F", bound=Finished)


class LoadState(Generic[F]):
    """One load of a run: which replications are done, and whether they are enough.

    The stopping rule sees the replications in their order, whatever the order in which they finish, so the
    number of workers cannot change where a load stops.
    """

    def __init__(
        self,
        erlang: float,
        warmup_requests: int,
        most: int,
        rule: StoppingRule,
        value: Callable[[F], float] = attrgetter("blocking_probability"),
        requests: Callable[[F], float] = attrgetter("requests"),
    ) -> None:
        """erlang: the load. most: replications that are ever started.

        value, requests: what the rule judges, and of how many requests it is the share.
        """
        self.erlang = erlang
        self.warmup_requests = warmup_requests
        self.done: dict[int, F] = {}
        self.stop_reason: str | None = None
        self._most = most
        self._rule = rule
        self._value, self._requests = value, requests
        self._judged = 0
        self._next = 0

    def add(self, replication: F) -> None:
        """Take a finished replication in and ask the stopping rule."""
        self.done[replication.replication] = replication
        while self.stop_reason is None and self._judged in self.done:
            judged = self.done[self._judged]
            self.stop_reason = self._rule.add(self._value(judged), self._requests(judged))
            self._judged += 1

    def next_task(self) -> Task | None:
        """Return the next replication to do, or None when no more is to be started now."""
        while self._next in self.done:
            self._next += 1
        if self.stop_reason is not None or self._next >= self._most:
            return None
        task = Task(self.erlang, self._next, self.warmup_requests)
        self._next += 1
        return task

    @property
    def replications(self) -> list[F]:
        """What counts: up to where the rule stopped; all that is done while it has not."""
        upto = self._judged if self.stop_reason is not None else sys.maxsize
        return [self.done[number] for number in sorted(self.done) if number < upto]


def make_rule(config: Config) -> StoppingRule:
    """Return the rule that a configuration asks for, to be used for one load."""
    most, statistics = config.general_settings.max_iters, config.statistics_settings
    compatibility = config.compatibility_settings
    if compatibility.conventions != "none":
        return FusionRule(most, is_training=compatibility.is_training)
    if statistics.stopping_rule == "fixed":
        return FixedReplications(most)
    return Precision(
        statistics.relative_precision,
        statistics.absolute_precision,
        statistics.confidence,
        statistics.min_replications,
        most,
        statistics.look_ahead,
    )
