"""Which attribute of the links is their length in km: never guessed where two could be.

A number that is not a length changes every result and looks like none. So networkx's `weight`, which
is 1 where nobody set it, counts only where nothing else can be the length, and what is not plain is
asked about.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from fusion.config.counts import agreeing, counted
from fusion.config.named_files import quote
from fusion.network.delimited_text import about_comma
from fusion.network.geography import Place, great_circle_km
from fusion.network.listed_network import ListedLink, ListedNetwork, number_of

LENGTH_KEYS = ("length_km", "length", "distance", "dist", "weight")
"""Names that messages give for a length in km; others, such as `Length (km)` or `lengthInKm`, count too."""

SHORTEST_KM, LONGEST_KM = 1e-6, 20_000.0
"""Half of the way around the Earth: what is longer is in metres."""

_KM = re.compile(r"(.*?)(?:in)?(?:km|kms|kilomet(?:er|re)s?)")
_OTHER_UNIT = re.compile(r"(.+?)(?:in)?(?:m|met(?:er|re)s?|mi|miles?|ft|feet)")
_LENGTH = re.compile(
    r"(?:fib(?:er|re)|link|edge|cable|route|computed)?(?:length|distance|dist|len)s?"
)
_WITH_UNIT = re.compile(r"\s*([+-]?\d[\d.,]*)\s*([a-zA-Z]+)\.?\s*")
_WEIGHT = "weight"
_NOT_A_LENGTH = re.compile(
    r"(?:id|key|index|no|nr|number|column)\d*|.*id|"
    r".*(?:capacity|bandwidth|bw|speed|speedraw|rate|gbps|mbps|delay|latency|time|ms|lanes?|cores?|slots?|"
    r"fib(?:er|re)s|count|color|colour|width|type|level|year|probability|prob|availability|mtbf|mttr)"
)
_MOST_NAMES = 8
_FEW = 3
_OFF = 10.0  # times the great circle, or this part of it
_NEAR_KM = 10.0  # where this much more is nothing special


class Lengths(NamedTuple):
    """The lengths of the links of a file.

    key: the attribute that has them, as the file spells it; of several the first.  values: of each
    link its attribute and what it holds, or None where it has no length.  problems: what is missing or
    has to be asked.
    """

    key: str
    values: list[tuple[str, object] | None]
    problems: list[str]


class _Named(NamedTuple):
    """An attribute of the links. values: by link; None where a link does not have it."""

    name: str
    values: list[object | None]

    @property
    def numbers(self) -> list[float]:
        """The values, where all that are there are numbers, or else nothing."""
        found = [number_of(value) for value in self.values if value is not None]
        return [] if None in found else [number for number in found if number is not None]

    @property
    def is_everywhere(self) -> bool:
        """Whether each link has a number under this name."""
        return len(self.numbers) == len(self.values)

    @property
    def is_one(self) -> bool:
        """Whether it is 1 on every link, as the weight of a hop is."""
        return self.is_everywhere and set(self.numbers) == {1.0}

    def __str__(self) -> str:
        numbers = self.numbers
        if not numbers:
            return quote(self.name)
        low, high = min(numbers), max(numbers)
        span = f"always {low:g}" if low == high else f"{low:g} to {high:g}"
        return f"{quote(self.name)} ({span})"


def is_length_name(name: str) -> bool:
    """Return whether a column or attribute of this name may be a length, in whatever unit."""
    return _rank(name) is not None or _has_other_unit(name) or _plain(name) == _WEIGHT


def find_lengths(network: ListedNetwork, length_key: str = "", *, asks: bool = True) -> Lengths:
    """Return which attribute is the length of the links.

    In this order: `length_key`, as it is spelled or else in another case; length_km, or another name
    that says km; length, distance and the like; weight where nothing else can be one. These are found
    in whatever case they are written, and asked about where names that differ only in case hold
    different values. asks: whether lengths matter, so that what is not plain is asked about, and what
    is missing is a problem.
    """
    if not network.links:
        return Lengths(length_key, [], [])
    named = _attributes(network.links)
    if length_key:
        return _chosen(network.links, named, length_key)
    ranked = sorted(
        (rank, place, each)
        for place, each in enumerate(named)
        if (rank := _rank(each.name)) is not None
    )
    if ranked:
        order = [each for _, _, each in ranked]
        rivals = _rivals([(rank, each) for rank, _, each in ranked], named) or _case_rivals(order)
        if asks and rivals:
            return Lengths(rivals[0].name, [], [_which(rivals)])
        found = _first_of(order, len(network.links))
        if asks:
            found = found._replace(problems=_missing(network.links, found.values, order[0].name))
        has_km = ranked[0][0] < _NO_UNIT and network.has_column_names
        if asks and order[0].is_one and not has_km:
            found.problems.append(_all_one(order[0], named, network))
        return found
    weight = next((each for each in named if _plain(each.name) == _WEIGHT), None)
    weights = [] if weight is None else [each for each in named if _same_but_case(each, weight)]
    rivals = _case_rivals(weights)
    others = [each for each in named if each not in weights and _could_be(each)]
    others += [each for each in named if _has_other_unit(each.name) and each not in others]
    if weight is None and network.without_lengths:
        return Lengths("", [], [network.without_lengths] if asks else [])
    if weight is None:
        if not asks:
            return Lengths("", [], [])
        return Lengths("", [], [_none(network.links, others or named)])
    if asks and weight.is_one and not rivals:
        return Lengths(weight.name, [], [_all_one(weight, named, network)])
    if asks and (others or rivals):
        return Lengths(weight.name, [], [_which([*others, *(rivals or [weight])])])
    found = _first_of(weights, len(network.links))
    return found._replace(problems=_missing(network.links, found.values, weight.name))


def length_problem(key: str, value: object) -> str:
    """Return what is wrong with the value of a length, or nothing; see `too_long` for the longest."""
    km = number_of(value)
    if km is not None and km >= SHORTEST_KM:
        return ""
    problem = (
        f"{key} = {quote(value)}: must be a number of km from {SHORTEST_KM:g} to {LONGEST_KM:,.0f}"
    )
    return problem + (_about_unit(value) or about_comma(value))


def too_long(links: Iterable[tuple[str, str, object]]) -> list[str]:
    """Return one problem for all links that are longer than any on Earth, or nothing.

    links: where it is, its attribute and what that holds. Where a file is in metres that is each of them.
    """
    found = [
        (km, where, key, value)
        for where, key, value in links
        if (km := number_of(value)) is not None and km > LONGEST_KM
    ]
    if not found:
        return []
    found.sort(key=lambda each: -each[0])
    told = ", ".join(f"{where}: {key} = {quote(value)}" for _, where, key, value in found[:_FEW])
    verb = agreeing(len(found), "is", "are")
    longest = f"the longest {_FEW} are {told}" if len(found) > _FEW else told
    return [
        f"{counted(len(found), 'link')} {verb} longer than {LONGEST_KM:,.0f} km, half the way around the "
        f"Earth: {longest}. Lengths are in km: divide metres by 1,000, or name the attribute that is in "
        "km with length_key"
    ]


def _about_unit(value: object) -> str:
    """Return what to change in a number that is followed by its unit, or nothing."""
    match = _WITH_UNIT.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return ""
    unit = match[2]
    if _plain(unit) in ("km", "kms", "kilometer", "kilometers", "kilometre", "kilometres"):
        return f"; leave out the unit and write {match[1]}"
    return f"; convert it from '{quote(unit)}' to km and leave out the unit"


def far_off(
    links: Iterable[tuple[str, str, float]], coordinates: Mapping[str, Place], key: str
) -> list[str]:
    """Return a question where lengths cannot be those between the places of their nodes, or nothing.

    links: both nodes and km. A link that is ten times as long as the great circle, or a tenth of it,
    is in another unit, or the coordinates are not degrees.
    """
    checked, off = 0, []
    for source, destination, km in links:
        if source not in coordinates or destination not in coordinates:
            continue
        checked += 1
        direct = great_circle_km(coordinates[source], coordinates[destination])
        if km > _OFF * max(direct, _NEAR_KM) or direct > max(_OFF * km, _NEAR_KM):
            off.append((source, destination, km, direct))
    if not off:
        return []
    source, destination, km, direct = off[0]
    return [
        f"{len(off)} of {checked} links are more than {_OFF:g} times as long or as short as the great "
        f"circle between their nodes, such as {quote(source)} - {quote(destination)}: {key} = {km:g}, and "
        f"{direct:.3g} km on the great circle. Is {key} the length in km? Then set length_key = {key}; "
        "or are longitude and latitude not in degrees?"
    ]


_NO_UNIT = 2
"""The rank from which on a name does not say km."""

_ANY_NAME = 4
"""The rank of names that may be lengths, after length and distance."""


def _rank(name: str) -> int | None:
    """Return the place of a name in the order in which lengths are looked for; None: not a length."""
    if name == LENGTH_KEYS[0]:
        return 0
    plain = _plain(name)
    if (match := _KM.fullmatch(plain)) and (not match[1] or _LENGTH.fullmatch(match[1])):
        return 1
    if plain in ("length", "distance"):
        return _NO_UNIT + ("length", "distance").index(plain)
    return _ANY_NAME if _LENGTH.fullmatch(plain) else None


def _has_other_unit(name: str) -> bool:
    match = _OTHER_UNIT.fullmatch(_plain(name))
    return match is not None and _LENGTH.fullmatch(match[1]) is not None


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _attributes(links: Sequence[ListedLink]) -> list[_Named]:
    """Return the attributes of the links; those that differ only in case as one where no link has two."""
    spellings: dict[str, dict[str, None]] = {}
    together: set[str] = set()
    for link in links:
        names = [name for name in link.attributes if isinstance(name, str)]
        for name in names:
            spellings.setdefault(name.lower(), {}).setdefault(name)
        once = Counter(name.lower() for name in names)
        together.update(lower for lower, count in once.items() if count > 1)
    groups: list[list[str]] = []
    for lower, found in spellings.items():
        groups += [[name] for name in found] if lower in together else [list(found)]
    return [
        _Named(names[0], [_first_there(link.attributes, names) for link in links])
        for names in groups
    ]


def _first_there(attributes: Mapping[str, object], names: Iterable[str]) -> object | None:
    value = next((attributes[name] for name in names if name in attributes), None)
    # An empty cell of a table is what null is in JSON.
    return None if isinstance(value, str) and not value.strip() else value


def _same_but_case(one: _Named, other: _Named) -> bool:
    return one.name.lower() == other.name.lower()


def _case_rivals(order: Sequence[_Named]) -> list[_Named]:
    """Return the attributes that differ from one that is taken only in case, and on that link in value."""
    for place in range(len(order[0].values) if order else 0):
        having = [each for each in order if each.values[place] is not None]
        same = [each for each in having if _same_but_case(each, having[0])]
        if len({number_of(each.values[place]) for each in same}) > 1:
            return [each for each in order if _same_but_case(each, same[0])]
    return []


def _could_be(attribute: _Named) -> bool:
    """Return whether an attribute without a telling name may be a length all the same."""
    numbers = attribute.numbers
    return (
        attribute.is_everywhere
        and min(numbers, default=0.0) > 0
        and len(set(numbers)) > 1
        and not _NOT_A_LENGTH.fullmatch(_plain(attribute.name))
    )


def _rivals(ranked: Sequence[tuple[int, _Named]], named: Sequence[_Named]) -> list[_Named]:
    """Return the attributes that may all be meant, of which values differ; nothing where one is plain.

    A weight that is not the same on every link is one of them beside `dist` and the like, which may be
    something else.
    """
    best = ranked[0][0]
    if best == 0:
        return []
    equals = [each for rank, each in ranked if (rank < _NO_UNIT) == (best < _NO_UNIT)]
    if best == _ANY_NAME:
        equals += [
            each for each in named if _plain(each.name) == _WEIGHT and len(set(each.numbers)) > 1
        ]
    equals = [each for each in equals if each.is_everywhere]
    return equals if len({tuple(each.numbers) for each in equals}) > 1 else []


def _first_of(order: Sequence[_Named], count: int) -> Lengths:
    values: list[tuple[str, object] | None] = []
    for place in range(count):
        having = (each for each in order if each.values[place] is not None)
        first = next(having, None)
        values.append(None if first is None else (first.name, first.values[place]))
    return Lengths(order[0].name, values, [])


def _chosen(links: Sequence[ListedLink], named: Sequence[_Named], length_key: str) -> Lengths:
    wanted = length_key.strip()
    exact = [each for each in named if each.name == wanted]
    if order := exact or [each for each in named if each.name.lower() == wanted.lower()]:
        if rivals := _case_rivals(order):
            return Lengths(wanted, [], [_which(rivals)])
        found = _first_of(order, len(links))
        return found._replace(problems=_missing(links, found.values, found.key))
    there = _listed(named) or "none"
    return Lengths(
        wanted, [], [f"no link has length_key = {quote(wanted)}; their attributes are: {there}"]
    )


def _missing(
    links: Sequence[ListedLink], values: Sequence[tuple[str, object] | None], name: str
) -> list[str]:
    without = [link for link, value in zip(links, values, strict=True) if value is None]
    if len(without) == len(links):
        return [f"no link has a length: {quote(name)} is empty on {counted(len(links), 'link')}"]
    return [f"{_where(link)}: no length; others have theirs as {quote(name)}" for link in without]


def _none(links: Sequence[ListedLink], others: Sequence[_Named]) -> str:
    first = _where(links[0])
    more = f", nor has any other of the {len(links):,} links one" if len(links) > 1 else ""
    text = f"{first}: no length{more}; accepted attributes: {', '.join(LENGTH_KEYS)}"
    with_unit = [each for each in others if _has_other_unit(each.name)]
    if with_unit:
        return f"{text}, in km; {with_unit[0]} is in another unit by its name"
    numeric = [each for each in others if _could_be(each)]
    return f"{text}, or as length_key says: {_listed(numeric)}" if numeric else text


def _which(rivals: Sequence[_Named]) -> str:
    return (
        f"which attribute of the links is their length in km: {_listed(rivals)}? Say so with "
        f"length_key, such as length_key = {quote(rivals[0].name)}"
    )


def _all_one(attribute: _Named, named: Sequence[_Named], network: ListedNetwork) -> str:
    what = f"{quote(attribute.name)} is 1" if network.has_column_names else "the third column is 1"
    others = [each for each in named if each is not attribute and each.is_everywhere]
    text = f"{what} on every link, as where only hops count; is that its length in km? "
    if others:
        text += f"Other numbers of the links are: {_listed(others)}. "
    keys = " or ".join(f"length_key = {quote(each.name)}" for each in [*others[:1], attribute])
    return f"{text}Say so with {keys}, or count hops with const_link_weight = True"


def _listed(attributes: Sequence[_Named]) -> str:
    shown = ", ".join(map(str, attributes[:_MOST_NAMES]))
    more = len(attributes) - _MOST_NAMES
    return shown + (f" and {more} more" if more > 0 else "")


def _where(link: ListedLink) -> str:
    return f"{link.where} ({quote(link.source)} - {quote(link.destination)})"
