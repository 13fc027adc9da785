"""What a policy of the user's costs: `python -m benchmarks.policy`.

First, last and best fit in ten lines of a user's file against the built-in ones, and the plain loop against
itself without the lines for users' policies. All run in turn, round after round; the times are of the
processor, the least of the rounds.
"""

from __future__ import annotations

import ast
import inspect
import tempfile
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.throughput import CHUNK, SETTINGS, make
from fusion import load_config, make_scenario, read_inputs
from fusion.kernel import compiled, event_loop
from fusion.kernel.arrays import new_state, new_tally
from fusion.scenario.scenario import Scenario
from fusion.scenario.traffic import draw_requests
from fusion.simulation.plain import serve_chunk
from fusion.simulation.user_policy_loop import event_loop as loop_of

BOUND = 1.25
ROUNDS = 15
CHUNKS = 6
FULL_CHUNKS = 8
FITS = ("first_fit", "last_fit", "best_fit")
POLICY = """
from fusion.request import BLOCKED, {fit}

def choose(request):
    for path in range(request.paths):
        for plane in range(request.planes):
            start = {fit}(request, path, plane)
            if start >= 0:
                return path, plane, start
    return BLOCKED
"""


class Runner:
    """A simulation past its warm-up that can be carried on and timed."""

    def __init__(self, scenario: Scenario, load: float, loop: Callable[..., None] | None = None):
        """loop: in place of that of the scenario."""
        self.times: list[float] = []
        self._scenario, self._loop = scenario, loop
        mean = scenario.traffic.mean_holding_time
        self._state = new_state(scenario.network, load, mean, keep_usage=False)
        self._tally = new_tally(scenario.network)
        self._requests = draw_requests(scenario.traffic, load, 1, 0, ties=False)
        self.carry_on(FULL_CHUNKS)
        self.times.clear()

    def carry_on(self, chunks: int = CHUNKS) -> None:
        """Serve some more and note the nanoseconds per request, drawing them not included."""
        seconds = 0.0
        for _ in range(chunks):
            chunk = next(self._requests)
            began = time.process_time()
            serve_chunk(self._scenario, self._state, self._tally, chunk, loop=self._loop)
            seconds += time.process_time() - began
        self.times.append(1e9 * seconds / (chunks * CHUNK))


def loop_before() -> Any:
    """Return the plain loop without the lines for users' policies."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(event_loop.serve.py_func)))
    function = tree.body[0]
    assert isinstance(function, ast.FunctionDef)
    function.decorator_list = []
    function.args.args = function.args.args[:-2]
    function.args.defaults = []

    class Without(ast.NodeTransformer):
        def visit_If(self, node: ast.If) -> Any:
            self.generic_visit(node)
            if ast.unparse(node.test) in ("chooser is not None", "fit is None"):
                return node.orelse
            return node

    without = ast.fix_missing_locations(Without().visit(tree))
    assert "chooser" not in ast.unparse(without.body[0].body[1:])
    names = dict(vars(event_loop))
    exec(compile(without, "event_loop.py", "exec"), names)
    return compiled(nogil=True)(names["serve"])


def with_policy(template: str, fit: str, folder: Path) -> Scenario:
    path = folder / f"{fit}.py"
    path.write_text(POLICY.format(fit=fit))
    config = load_config(template, {"routing_settings": {"policy": f"{path}:choose"}})
    return make_scenario(config, read_inputs(config))


def main() -> None:
    before = loop_before()
    with tempfile.TemporaryDirectory() as folder:
        for template, load in SETTINGS:
            runners: dict[tuple[str, str], Runner] = {}
            for fit in FITS:
                built_in = make(template, fit, "in_order")
                runners[fit, "built-in"] = Runner(built_in, load)
                users = with_policy(template, fit, Path(folder))
                runners[fit, "user's"] = Runner(users, load, loop_of(users))
            plain = make(template, "first_fit", "in_order")
            runners["before", ""] = Runner(plain, load, before)
            for _ in range(ROUNDS):
                for runner in runners.values():
                    runner.carry_on()
            least = {name: min(runner.times) for name, runner in runners.items()}
            print(f"\n{template}, {load:g} Erlang, one core: ns per request, without drawing it")
            for fit in FITS:
                built_in_ns, users_ns = least[fit, "built-in"], least[fit, "user's"]
                ratio = users_ns / built_in_ns
                print(
                    f"{fit:>12}: built-in {built_in_ns:6.1f}, user's {users_ns:6.1f}, "
                    f"ratio {ratio:.2f} (bound {BOUND})"
                )
            ratio = least["first_fit", "built-in"] / least["before", ""]
            print(
                f"  plain loop: without users' policies {least['before', '']:.1f}, ratio {ratio:.3f}"
            )


if __name__ == "__main__":
    main()
