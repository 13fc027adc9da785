"""The links of a network, made of what its file lists: parallel and one-way ones, and both directions of one.

A file has a link once, or once for each direction, or several of the same two nodes, and formats that are
undirected by their name list both directions all the same. Which listings belong together follows from what
the file says of itself, from names, and from lengths; what it may have meant otherwise is a remark.
"""

from collections.abc import Sequence
from typing import NamedTuple

from fusion.config.counts import agreeing, counted
from fusion.config.named_files import quote
from fusion.config.problems import show
from fusion.network.link_lengths import find_lengths, length_problem, too_long
from fusion.network.listed_network import (
    LENGTH_BACK,
    LIMITS,
    NAME,
    ONE_WAY,
    ListedLink,
    ListedNetwork,
    number_of,
)

_FEW = 3
_YES, _NO = ("1", "true", "yes"), ("0", "false", "no")


class Links(NamedTuple):
    """Links of a network, in the order of the file.

    ends: nodes, in the direction in which the file has the link first.  km: lengths in this direction, and
    km_back: in the other, multiples of 1e-6.  one_way: whether light goes in the first direction only.
    names: of the links; empty where the file has none.  limits: (attribute, number) of each of `LIMITS`
    that a link has.  key: the attribute that the lengths are from.
    remarks: what the file may have meant otherwise, a sentence each.
    """

    ends: list[tuple[str, str]]
    km: list[float]
    km_back: list[float]
    one_way: list[bool]
    names: list[str]
    limits: list[tuple[tuple[str, int], ...]]
    key: str
    remarks: list[str]


class _Listed(NamedTuple):
    """A listing that was understood; one_way: None where it is not said."""

    link: ListedLink
    km: float
    km_back: float | None
    one_way: bool | None
    name: str
    limits: tuple[tuple[str, int], ...]

    @property
    def where(self) -> str:
        return (
            f"{self.link.where} ({show(self.link.source, 28)} - {show(self.link.destination, 28)})"
        )


def links_of(network: ListedNetwork, length_key: str, *, asks: bool) -> Links:
    """Return the links of a network, and add what is wrong with them to its problems.

    length_key, asks: as for `find_lengths`.
    """
    lengths = find_lengths(network, length_key, asks=asks)
    values = lengths.values or [None] * len(network.links)
    listed = []
    long: list[tuple[str, str, object]] = []
    seen: set[tuple[str, str]] = set()
    for link, value in zip(network.links, values, strict=True):
        found = _understood(network, link, value, long if asks else None, seen)
        if found is not None:
            listed.append(found)
    network.problems.extend([*too_long(long), *lengths.problems])
    if network.problems:  # with some missing, the others would belong together otherwise
        return Links([], [], [], [], [], [], lengths.key, [])
    return _together(network, listed, lengths.key)


def _understood(
    network: ListedNetwork,
    link: ListedLink,
    value: tuple[str, object] | None,
    long: list[tuple[str, str, object]] | None,
    seen: set[tuple[str, str]],
) -> _Listed | None:
    """Return a listing, or add to the problems what is wrong with it; to `long`: its length, for later."""
    where = f"{link.where} ({show(link.source, 28)} - {show(link.destination, 28)})"
    if link.source == link.destination:
        network.problems.append(f"{where}: a link from a node to itself is not allowed")
        return None
    same, reverse = (link.source, link.destination), (link.destination, link.source)
    lower = {str(key).lower(): each for key, each in reversed(list(link.attributes.items()))}
    name = lower.get(NAME)
    problem = "" if value is None else length_problem(*value)
    if not problem and value is not None and long is not None and not seen & {same, reverse}:
        long.append((where, *value))
    seen.add(same)
    one_way, back = lower.get(ONE_WAY), lower.get(LENGTH_BACK)
    km_back = None
    if not problem and back not in (None, "") and long is not None:
        problem = length_problem(LENGTH_BACK, back)
        km_back = _rounded(back)
        long.append((where, LENGTH_BACK, back))
    is_one_way = _flag(one_way)
    if not problem and one_way not in (None, "") and is_one_way is None:
        problem = f"{ONE_WAY} = {quote(one_way)}: must be true or false"
    if not problem and is_one_way and km_back is not None:
        problem = f"{LENGTH_BACK} = {quote(back)}: a link in one direction only has one length"
    limits = []
    for limit in LIMITS:
        if lower.get(limit) in (None, ""):
            continue
        number = number_of(lower[limit])
        if number is None or number < 0 or not number.is_integer():
            problem = problem or f"{limit} = {quote(lower[limit])}: must be a whole number from 0"
        else:
            limits.append((limit, int(number)))
    if problem:
        network.problems.append(f"{where}: {problem}")
        return None
    if value is None:
        if long is not None:
            return None  # which `lengths` has told
        value = ("", 1.0)
    km = _rounded(value[1])
    text = str(name).strip() if isinstance(name, str | int) and str(name).isprintable() else ""
    return None if km is None else _Listed(link, km, km_back, is_one_way, text, tuple(limits))


def _rounded(value: object) -> float | None:
    number = number_of(value)
    return None if number is None else round(number * 1e6) / 1e6


def _flag(value: object) -> bool | None:
    text = str(value).strip().lower()
    return True if text in _YES else False if text in _NO else None


def _together(network: ListedNetwork, listed: Sequence[_Listed], key: str) -> Links:
    """Return the links that listings make, two of them one where they are its directions."""
    back_of = _directions(network, listed)
    is_back = set(back_of.values())
    # A file that has every link in one direction only means links, and not ways.
    has_ways = network.directed is True and bool(back_of)
    links = Links([], [], [], [], [], [], key, [])
    single = []
    for place, one in enumerate(listed):
        if place in is_back:
            continue
        back = listed[back_of[place]] if place in back_of else None
        km_back = one.km if one.km_back is None else one.km_back
        one_way = bool(one.one_way)
        if back is not None:
            km_back = back.km
            if back.km != one.km and network.directed is False:
                network.problems.append(
                    f"{back.where}: {back.km:g} km, but {one.km:g} km for the other direction in "
                    f"{one.link.where}; in an undirected file a link has one length"
                )
        elif network.directed is True and one.one_way is None:
            one_way = has_ways
            single.append(one)
        links.ends.append((one.link.source, one.link.destination))
        links.km.append(one.km)
        links.km_back.append(km_back)
        links.one_way.append(one_way)
        links.names.append(one.name or (back.name if back is not None else ""))
        links.limits.append(one.limits)
        if back is not None and back.limits != one.limits:
            network.problems.append(
                f"{back.where}: other slots or cores than in {one.link.where}, its other direction"
            )
    _number_parallel_links(links)
    links.remarks.extend(
        [
            *_about_single(single, has_ways=has_ways),
            *_about_ends(network, [listed[place] for place in is_back]),
            *_about_parallel(network, links),
            *_about_lengths(links),
        ]
    )
    return links


def _directions(network: ListedNetwork, listed: Sequence[_Listed]) -> dict[int, int]:
    """Return which listings are the other direction of which, by their places.

    Of several between two nodes those with the same name belong together, then those with the same length,
    then as they come.
    """
    if network.multigraph and not network.directed and not network.repeats_links:
        return {}
    ways: dict[tuple[str, str], list[int]] = {}
    for place, one in enumerate(listed):
        if one.one_way is None and one.km_back is None:
            ways.setdefault((one.link.source, one.link.destination), []).append(place)
    found: dict[int, int] = {}
    for (source, destination), there in ways.items():
        back = list(ways.get((destination, source), ()))
        if not back or back[0] < there[0]:  # these are seen from the other end
            continue
        left = list(there)
        for same in (_same_name, _same_length, _any):
            for place in list(left):
                match = next((each for each in back if same(listed[place], listed[each])), None)
                if match is not None:
                    found[place] = match
                    left.remove(place)
                    back.remove(match)
    return {min(pair): max(pair) for pair in found.items()}


def _same_name(one: _Listed, other: _Listed) -> bool:
    return bool(one.name) and one.name == other.name


def _same_length(one: _Listed, other: _Listed) -> bool:
    return one.km == other.km


def _any(_one: _Listed, _other: _Listed) -> bool:
    return True


def _number_parallel_links(links: Links) -> None:
    """Give each of several links between two nodes a name of its own: its number, where it has none."""
    places: dict[frozenset[str], list[int]] = {}
    for place, ends in enumerate(links.ends):
        places.setdefault(frozenset(ends), []).append(place)
    for group in places.values():
        names = [links.names[place] for place in group]
        if len(group) > 1 and ("" in names or len(set(names)) < len(group)):
            for number, place in enumerate(group, 1):
                links.names[place] = str(number)


def _about_single(single: Sequence[_Listed], *, has_ways: bool) -> list[str]:
    if not single:
        return []
    taken = "one direction" if has_ways else "two directions"
    which = _shown([(one.link.source, one.link.destination) for one in single])
    return [
        f"the file is directed and has {which} in one direction only: each is taken as a link with {taken}"
    ]


def _about_ends(network: ListedNetwork, back: Sequence[_Listed]) -> list[str]:
    if not back or network.directed is not False or network.repeats_links:
        return []
    ends = [(one.link.source, one.link.destination) for one in back]
    return [
        f"the file is undirected and has {_shown(ends)} from either end: each is taken as one link with two"
        " directions; parallel links are listed from the same end"
    ]


def _about_parallel(network: ListedNetwork, links: Links) -> list[str]:
    if network.multigraph:
        return []
    first: set[frozenset[str]] = set()
    more = []
    for ends in links.ends:
        if frozenset(ends) in first:
            more.append(ends)
        first.add(frozenset(ends))
    if not more:
        return []
    verb = agreeing(len(more), "is", "are")
    return [
        f"{_shown(more)} {verb} listed beside another of the same nodes: these are parallel links, each with"
        " a spectrum of its own"
    ]


def _about_lengths(links: Links) -> list[str]:
    differ = [
        (*ends, km, back)
        for ends, km, back in zip(links.ends, links.km, links.km_back, strict=True)
        if km != back
    ]
    if not differ:
        return []
    source, destination, km, back = differ[0]
    return [
        f"the two directions of {counted(len(differ), 'link')} differ in length, such as {quote(source)} - "
        f"{quote(destination)}: {km:g} km, and {back:g} km back"
    ]


def _shown(ends: Sequence[tuple[str, str]]) -> str:
    shown = ", ".join(f"{quote(a)} - {quote(b)}" for a, b in ends[:_FEW])
    more = ", ..." if len(ends) > _FEW else ""
    return f"{len(ends):,} {'link' if len(ends) == 1 else 'links'} ({shown}{more})"
