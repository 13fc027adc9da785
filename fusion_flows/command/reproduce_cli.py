"""The verb of the command `fusion` that simulates published figures again."""

import math
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from fusion.config.counts import counted
from fusion.sweep.reproduction import Value
from fusion_flows.command import completion, reproduce
from fusion_flows.command.exit_codes import DONE, FAILED
from fusion_flows.command.terminal import print_json, print_note, print_table
from fusion_flows.command.verb import Json, as_dicts, text_of
from fusion_flows.report.reproduction_page import shown, value_cells, verdict_rows


@text_of(reproduce.reproduce)
def _reproduce(
    *names: Annotated[str, completion.completed(completion.studies)],
    every: Annotated[bool, Parameter(name="--all", help="Reproduce all studies.")] = False,
    quick: bool = False,
    to: Path = Path("reproduced"),
    json: Json = False,
) -> int:
    if not names and not every:
        return _list(json=json)
    done = reproduce.reproduce(*names, every=every, quick=quick, to=to, say=print_note)
    code = DONE if done.agrees else FAILED
    if json:
        print_json(done)
        return code
    rows = [_value(record) for record in done.values]
    if not every:
        cells = [value_cells(row) for row in rows]
        several = len({row.metric for row in rows}) > 1
        header = [name for name in cells[0] if several or name != "metric"]
        lines = [[each[name].text for name in header] for each in cells]
        print_table(header, lines, numbers=True)
        print()
    print_table(("study", "values", *shown(rows)), verdict_rows(rows), numbers=True)
    print(f"\nTable:   {done.csv}\nPicture: {done.picture}\nReport:  {done.report}")
    print_note(f"What was simulated is in the store {done.store}")
    return code


def _list(*, json: bool) -> int:
    found = reproduce.studies()
    if json:
        print_json(as_dicts(found))
        return DONE
    print_table(
        ("study", "values", "judged", ""),
        [(each.name, str(each.values), str(each.judged), each.summary) for each in found],
        right=("values", "judged"),
    )
    total = counted(sum(each.values for each in found), "published value")
    print_note(f"\n{total}; `fusion reproduce NAME` simulates a study again, --all all of them")
    return DONE


def _value(record: dict[str, Any]) -> Value:
    """Return a row of the table as it was before it was written."""
    values: dict[str, Any] = {
        name: math.nan if value is None else value for name, value in record.items()
    }
    return Value(**values)
