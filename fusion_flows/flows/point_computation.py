"""Have a simulator compute what the store lacks of some points, on this machine and without Prefect."""

from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from fusion.results.progress import ProgressReader, compiling_text
from fusion.sweep.point_file import write_points
from fusion.sweep.point_state import PointState
from fusion.sweep.store import Store
from fusion_flows.engines.simulator import options_of, simulator
from fusion_flows.flows import known_stores
from fusion_flows.rundir.log_stream import tail

FOLDERS = "fusion-points-"
"""How the temporary folders of a computation begin."""

_LOOK_SECONDS = 0.25


class ComputationFailedError(RuntimeError):
    """A computation that has ended without all of its results; the message says why, and what is kept."""


def compute_points(
    states: Sequence[PointState],
    metric: str,
    store: Store,
    *,
    grace_seconds: float,
    say: Callable[[str], None],
) -> None:
    """Compute what points lack, into the store.

    metric: what a stopping rule looks at. say: is told how far it is, in a line. Raises
    ComputationFailedError; what was finished is in the store, however it ends.
    """
    left = [state.point for state in states if not state.is_done]
    if not left:
        return
    known_stores.remember(store)
    failed: dict[str, None] = {}
    with TemporaryDirectory(prefix=FOLDERS) as name:
        folder = Path(name)
        write_points(folder / "points.json", left, metric)
        progress, log = folder / "progress.jsonl", folder / "log"
        reader = ProgressReader(progress)
        complete = 0

        def look() -> None:
            nonlocal complete
            for event in reader.read():
                if event["type"] == "compiling":
                    say(f"{compiling_text(event)} ...")
                elif event["type"] == "point":
                    complete += 1
                    say(f"{complete} of {len(left)} points computed")
                elif event["type"] == "point_failed":
                    failed[event["message"]] = None

        options = options_of(left, folder / "points.json", store, store.new_file(), progress)
        with simulator("run_points", options, log=log, grace_seconds=grace_seconds) as tree:
            while (code := tree.wait(_LOOK_SECONDS)) is None:
                look()
        look()
        if code:
            told = f"The simulator ended with exit code {code}. Its log ends with\n{tail(log)}"
            failed[told] = None
    if failed:
        raise ComputationFailedError(
            "\n".join([*failed, f"What was finished is in the store {store.folder}."])
        )
