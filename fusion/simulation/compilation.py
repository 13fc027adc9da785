"""What is compiled before a simulation: how it gets into the cache, and the messages about it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import numpy as np

from fusion.kernel.cache import Happening, observed
from fusion.scenario.failures import Scheduled
from fusion.scenario.loops import Loop
from fusion.scenario.policy.rules import PLAIN
from fusion.scenario.policy.trial import WrongPolicyError
from fusion.scenario.scenario import Scenario
from fusion.simulation.compile_times import expected_seconds, keep_time
from fusion.simulation.replication import replicate

Say = Callable[[str], None]
"""Takes a line for people, such as `log.info`."""

ONCE = "the event loop for this kind of simulation, once on this machine: 10 s to some minutes"
"""What is compiled, and how long: on two cores 5 s (plain) to 90 s (protection with signal quality)."""


def compile_for(
    scenario: Scenario,
    loop: Loop,
    say: Say,
    then: str,
    begun: Callable[[float], object] = lambda seconds: None,
) -> None:
    """Have what a scenario needs compiled, unless it is in the cache, by serving one request.

    loop: that of the scenario. say, then: see `announced`. begun: is called once, when something is about to
    be compiled, with about how many seconds that takes.
    """
    failure = scenario.failure
    if failure is not None:
        failure = failure._replace(
            schedule=(Scheduled(np.zeros(len(failure.link_of), dtype=np.bool_), 0, 1),),
            lifetimes=None,
        )
    conventions = scenario.conventions
    if conventions is not None:
        conventions = conventions.of_one_request()
    seconds = expected_seconds(loop)
    what = (
        f"the event loop for this kind of simulation, once on this machine: about {seconds:.0f} s"
    )
    if scenario.user_policy is not None:
        label = scenario.user_policy.source.label
        what = f"the event loop with {label}, once until it is edited: about {seconds:.0f} s"
        if PLAIN:
            what = (
                "the event loop for policies in plain Python, once on this machine: about "
                f"{seconds:.0f} s"
            )
    if scenario.agent is not None:
        what = f"the event loop for trained agents, once on this machine: about {seconds:.0f} s"
    scenario = scenario._replace(num_requests=1, failure=failure, conventions=conventions)
    began, compiles = time.monotonic(), False

    def begin() -> None:
        nonlocal compiles
        compiles = True
        begun(seconds)

    with (
        announced(say, what, then, begin),
        suppress(WrongPolicyError),
    ):  # of a request that nobody asked for
        replicate(scenario, 1.0, 0, 0)
    keep_time(loop, time.monotonic() - began if compiles else None)


@contextmanager
def announced(
    say: Say, what: str, then: str, begun: Callable[[], object] = lambda: None
) -> Iterator[None]:
    """Say when something is compiled in the meantime, and at the end that it is over.

    what: what is compiled. then: what comes next. begun: is called once, when it is about to be compiled.
    Nothing is said or called where the cache holds all that is needed.
    """
    said: set[Happening] = set()

    def notify(happening: Happening) -> None:
        if happening not in said:
            if not said:
                begun()
            said.add(happening)
            doing = "compiling" if happening == "compiling" else "another process compiles"
            say(f"{doing} {what}")

    began = time.monotonic()
    with observed(notify):
        yield
    if said:
        say(f"compiled in {time.monotonic() - began:.0f} s; {then}")
