"""What a scenario needs compiled: whether the cache holds it, and how it gets there."""

from __future__ import annotations

import numpy as np

from fusion.kernel import is_cached
from fusion.kernel.connection_loop import (
    serve_connections,
    serve_impaired,
    serve_impaired_with_quality,
    serve_with_quality,
)
from fusion.kernel.failures import (
    all_up,
    interrupt,
    interrupt_connections,
    interrupt_with_quality,
    rows_in,
)
from fusion.kernel.fusion_loop import serve_as_fusion
from fusion.kernel.protected_loop import come_back, drop, serve_protected, switch_over
from fusion.own_policy.loop import is_loop_cached
from fusion.replication import replicate
from fusion.scenario import Loop, Scenario
from fusion.survivability.failures import Scheduled


def is_compiled(loop: Loop) -> bool:
    """Say whether the cache holds an event loop and what goes with it."""
    if loop.protected:
        needed = [serve_protected, *((switch_over, come_back, drop, rows_in) if loop.fails else ())]
    elif loop.connections and loop.as_fusion:
        needed = [serve_as_fusion]
    elif loop.impaired:
        if loop.fails:
            return False  # what interrupts is compiled for each kind of connections, under one name
        needed = [serve_impaired_with_quality if loop.quality else serve_impaired]
    elif loop.quality:
        needed = [
            serve_with_quality,
            *((interrupt_with_quality, rows_in, all_up) if loop.fails else ()),
        ]
    elif loop.connections:
        after = (interrupt_connections, rows_in, all_up) if loop.fails else ()
        needed = [serve_connections, *after]
    else:
        needed = [interrupt] if loop.fails else []
        if not is_loop_cached(loop.policy):
            return False
    return all(map(is_cached, needed))


def compile_for(scenario: Scenario) -> None:
    """Compile what a scenario needs by serving one request, and put it into the cache."""
    failure = scenario.failure
    if failure is not None:
        failure = failure._replace(
            schedule=(Scheduled(np.zeros(failure.spectra, dtype=np.bool_), 0, 1),), lifetimes=None
        )
    conventions = scenario.conventions
    if conventions is not None:
        conventions = conventions.of_one_request()
    scenario = scenario._replace(num_requests=1, failure=failure, conventions=conventions)
    replicate(scenario, 1.0, 0, 0)
