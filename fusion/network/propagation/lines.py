"""The elements of each link in the network that GNPy has designed: with the amplifiers and spans it added."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from typing import Any

_PART = re.compile(r"(.*)_\((\d+)/(\d+)\)", re.DOTALL)


class LineError(ValueError):
    """A line of a network that is not there any more after the design."""


def designed_line(
    network: Any,
    by_uid: dict[str, Any],
    source: str,
    uids: Sequence[str],
    original: Collection[str],
) -> tuple[str, ...]:
    """Return the uids of a line of the designed network between two sites.

    network: GNPy's graph. source: uid of the site from which it leads. uids: of the elements that the file
    has between the sites, and of the site at the end. original: all uids of the file. GNPy adds amplifiers,
    each with one successor, and cuts a long fibre into parts: `uid_(1/2)`, `uid_(2/2)`. Raises LineError.
    """
    here, found = by_uid[source], []
    for uid in uids:
        step = next(_ways_to(network, here, uid, original), None)
        if step is None:
            raise LineError(f"no way from {source} to {uid} after GNPy's design")
        found.extend(step)
        here = step[-1]
        part = _PART.fullmatch(here.uid) if here.uid != uid else None
        for _ in range(int(part[3]) - 1 if part else 0):
            step = next(_ways_to(network, here, uid, original), None)
            if step is None:
                raise LineError(f"{uid} has lost a part in GNPy's design")
            found.extend(step)
            here = step[-1]
    return tuple(each.uid for each in found[:-1])


def _ways_to(network: Any, here: Any, uid: str, original: Collection[str]) -> Iterator[list[Any]]:
    """Yield what leads from an element to one of the file, or a part of it, over added ones only."""
    for first in network.successors(here):
        way, reached = [first], first
        while _name(reached.uid, original) is None:
            following = list(network.successors(reached))
            if len(following) != 1:
                break
            reached = following[0]
            way.append(reached)
        if _name(reached.uid, original) == uid:
            yield way


def _name(uid: str, original: Collection[str]) -> str | None:
    """Return the uid that an element has in the file; None for one that was added."""
    if uid in original:
        return uid
    part = _PART.fullmatch(uid)
    return part[1] if part and part[1] in original else None
