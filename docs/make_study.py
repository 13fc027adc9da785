"""Write docs/study_path_orders.md and its picture: `python docs/make_study.py` (a minute on two cores)."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from fusion.results.interval_text import between, interval_text
from fusion.sweep.study import find_study
from fusion_flows.command import sweeps

HERE = Path(__file__).parent
SWEEP = HERE.parent / "examples" / "path_orders.toml"
PAGE = HERE / "study_path_orders.md"
PICTURE = HERE / "images" / "path_orders.png"
TARGET = 0.01
TEXT = """# Path orders and the number of candidate paths on NSFNET

*Which order of the candidate paths carries more traffic, and how many candidates are worth it?* The
heuristics with which learned policies are compared often take five candidates in the order of their km.
Later work (M. Doherty, A. Beghelli, J. Opt. Commun. Netw. 17, 2025, D1) found that ordering the
candidates by hops, and taking more of them, blocks much less; so a learned policy that beats the first
heuristic may lose to the second. Here is that comparison with intervals, in the setting of the MaskRSA
study:

| | |
|---|---|
| network | NSFNET (`nsfnet_deeprmsa`: 14 nodes, 22 links), one spectrum for both directions of a link |
| spectrum | 80 slots of 12.5 GHz, no guard band |
| requests | Poisson, all ordered pairs equally likely, 25 to 50 Gb/s uniform, exponential holding times |
| modulation | 4 bits per symbol up to 625 km, 3 up to 1,250 km, 2 up to 2,500 km, 1 beyond |
| policy | candidates in order, first fit |
| loads | 80 to 160 Erlang |
| varied | order: `km`, `hops`, `hops_per_bit` (hops divided by bits per symbol); k = 1, 2, 5, 10, 50 |
| length | replications of 100,000 requests, plus warm-up, until the 95 % interval is within ± 3 % or ± 10⁻⁵ |

The sweep is [examples/path_orders.toml](../examples/path_orders.toml). `python docs/make_study.py` makes
this page, after computing the points that are not in the store yet; by hand:

<!-- parsed: it takes a minute; tests/docs/test_study.py computes a part of it -->
```
fusion sweep examples/path_orders.toml
fusion compare examples/path_orders.toml path_order
fusion loads-at examples/path_orders.toml 0.01
```

![Blocking over load for three path orders and five numbers of candidates](images/path_orders.png)

## The load at 1 % blocking

{loads}

With five candidates the other two orders carry over a fifth more load than `km`; with fifty the orders
hardly differ. Ten candidates by km carry a little more than five by hops. `hops_per_bit` carries
the most for every k, but for k of 5 and more only a few per cent more than `hops`.

## Which order blocks less

Differences between the blocking probability of each order and that of `km`, paired replication by
replication, in percent of the requests; the intervals at one k and load hold simultaneously at the
95 % level.

{verdicts}

## Comparison with the published figures

All with five candidates; published figures are given with their standard deviation over ten
environments. The published programs count from an empty network on, or from soon after, which makes
their figures too low by up to 15 %, and break ties between equal paths differently, which changes the
`km` figures most at low loads.

{published}
"""


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in markdown."""
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def percent(
    estimate: float, lower: float, upper: float, *, signed: bool = False
) -> tuple[str, str]:
    """Return an estimate and its interval in percent."""
    scaled = (100 * estimate, 100 * lower, 100 * upper)
    return interval_text(*scaled, signed=signed).estimate, between(*scaled[1:], signed=signed)


def side_in_percent(row: dict[str, Any], side: str) -> str:
    """Return the blocking of a side of a comparison in percent, with the digits of its own interval."""
    names = (f"estimate_{side}", f"ci_lower_{side}", f"ci_upper_{side}")
    return percent(*(row[name] for name in names))[0]


def loads() -> str:
    """Return the load at which each curve reaches the target."""
    found = {(row["k_paths"], row["path_order"]): row for row in sweeps.loads_at(SWEEP, TARGET)}
    orders = list(dict.fromkeys(order for _, order in found))

    def cell(row: dict[str, Any]) -> str:
        if row["status"] != "inside":
            return str(row["status"])
        text = interval_text(row["load"], row["ci_lower"], row["ci_upper"])
        return f"{text.estimate} ({text.lower} to {text.upper})"

    return table(
        ["k", *(f"`{order}`, Erlang" for order in orders)],
        (
            [str(k), *(cell(found[k, order]) for order in orders)]
            for k in dict.fromkeys(k for k, _ in found)
        ),
    )


def verdicts() -> str:
    """Return the differences to the first order."""
    return table(
        [
            "k",
            "load",
            "order",
            "blocking, %",
            "`km`, %",
            "difference, %",
            "interval, %",
            "n",
            "verdict",
        ],
        (
            [
                str(row["k_paths"]),
                f"{row['erlang']:g}",
                f"`{row['a']}`",
                *(side_in_percent(row, side) for side in "ab"),
                *percent(row["difference"], row["ci_lower"], row["ci_upper"], signed=True),
                f"{row['replications']} {row['method']}",
                {"a blocks less": f"{row['a']} blocks less", "b blocks less": "km blocks less"}.get(
                    row["verdict"], row["verdict"]
                ),
            ]
            for row in sweeps.compare(SWEEP, "path_order", base="km")
            if row["k_paths"] in (5, 50) and row["erlang"] % 20 == 0
        ),
    )


def published() -> str:
    """Return our estimates beside the published ones."""
    frame = sweeps.load_sweep(SWEEP, ["blocking_probability"])
    ours = frame[frame["k_paths"] == 5].set_index(["path_order", "erlang"])
    rows = []
    for point in find_study("maskrsa").points:
        network, _, order = point.case.partition("_")
        if network != "nsfnet" or not point.is_judged:
            continue
        row = ours.loc[(order, point.erlang)]
        rows.append(
            [
                f"`{order}`",
                f"{point.erlang:g}",
                f"{100 * point.published:.2f} ± {100 * point.std:.2f}",
                *percent(row["estimate"], row["ci_lower"], row["ci_upper"]),
                str(row["replications"]),
            ]
        )
    return table(["order", "load", "published, %", "here, %", "95 % interval, %", "n"], rows)


def main() -> None:
    """Run what is missing, and write page and picture."""
    result = sweeps.sweep_here(SWEEP, name="path orders and k on NSFNET")
    assert result.plot is not None
    shutil.copyfile(result.plot, PICTURE)
    text = TEXT.format(loads=loads(), verdicts=verdicts(), published=published())
    PAGE.write_text(text, encoding="utf-8")
    print(PAGE)


if __name__ == "__main__":
    main()
