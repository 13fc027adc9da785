"""What `fusion sweep` has found, at its end: the points in a table, and which policy blocks less."""

from fusion.config.ini import format_value
from fusion.sweep.definition import ERLANG
from fusion.sweep.results import point_rows
from fusion.sweep.store import Store
from fusion_flows.command import sweeps
from fusion_flows.command.terminal import fits, print_note, print_table
from fusion_flows.report.policy_comparisons import verdicts_of
from fusion_flows.report.sweep_page import UNFINISHED
from fusion_flows.report.tables import few_told, sweep_point_texts

_SHOWN_POINTS = 40
_LEFT_OUT = ("blocked / requests", "stop", "replications")  # the last only where they do not fit


def print_summary(file: sweeps.SweepSource, store: Store) -> None:
    """Print the points of a sweep in the order of its axes, and a sentence for each policy.

    store: with its results. Axes with one value are left out, and what does not fit into the terminal.
    """
    sweep, states, _ = sweeps.states_of(file, store, quiet=True)
    rows = point_rows(states, [sweep.metric])
    if not rows:
        return
    texts = sweep_point_texts(rows[:_SHOWN_POINTS], sweep, UNFINISHED)
    constant = [
        axis
        for axis in sweep.axes
        if axis != ERLANG and len({format_value(row[axis]) for row in rows}) == 1
    ]
    for left_out in (_LEFT_OUT[:-1], _LEFT_OUT):
        header = [name for name in texts[0] if name not in (*constant, *left_out)]
        cells = [[str(row[name]) for name in header] for row in texts]
        if fits(header, cells):
            break
    print()
    print_table(header, cells, numbers=True)
    if len(rows) > len(texts):
        print_note(
            f"... and {len(rows) - len(texts)} more; all are in points.csv and in the report"
        )
    for note in few_told(rows):
        print_note(note)
    if sentences := verdicts_of(sweep, states):
        print("\n" + "\n".join(sentences))
