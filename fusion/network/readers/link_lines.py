"""Networks as text, a link per line: with a header or without, from an editor, a spreadsheet or networkx."""

import ast
import csv
import re
from collections.abc import Mapping
from typing import NamedTuple

from fusion.config.named_files import quote
from fusion.network.delimited_text import divider_of, split_line, without_decimal_commas
from fusion.network.link_lengths import is_length_name
from fusion.network.listed_network import (
    ListedLink,
    ListedNetwork,
    add_link,
    add_node,
    empty_network,
    number_of,
    refuse,
)
from fusion.network.readers.reader import NetworkFile, Reader

UNNAMED = "length_km"
"""How the third column is called where there is no header."""

_SOURCES = ("source", "src", "from", "start", "origin", "node1", "node_1", "node_a", "nodea")
_DESTINATIONS = (
    *("destination", "target", "dst", "dest", "to", "end", "sink"),
    *("node2", "node_2", "node_b", "nodeb"),
)
_UNIT = re.compile(r"\s*[(\[]\s*(\w+)\s*[)\]]")
_NEEDED = "source, destination, length are needed"
_LONGEST_DICTIONARY = 2000


class _Line(NamedTuple):
    number: int
    text: str
    """Without a remark at its end."""


def is_source(name: str) -> bool:
    """Return whether a column of this name has the nodes where something starts."""
    return name.lower() in _SOURCES


def is_destination(name: str) -> bool:
    """Return whether a column of this name has the nodes where something ends."""
    return name.lower() in _DESTINATIONS


def read_link_lines(file: NetworkFile) -> ListedNetwork:
    """Read a link per line: source, destination, length; or, below a header, columns by their names.

    Divided by tabs, semicolons, commas or else blanks; `#` begins a remark. Lines of networkx's
    `write_edgelist`, which end in a dictionary, are read as well. The name of `length_key` makes a
    header of the first line.
    """
    found = [
        _Line(number, content)
        for number, line in enumerate(file.text.splitlines(), 1)
        if (content := line.partition("#")[0].strip())
    ]
    divider = divider_of([line.text for line in found])
    header = _header(found[0].text, divider, file.length_key) if found else None
    network = empty_network()._replace(has_column_names=header is not None)
    if header is not None and (twice := _named_twice(header)):
        names = " and ".join(twice)
        return empty_network(f"line {found[0].number}: {names}: give each column a name of its own")
    columns = {} if header is None else _places(header)
    for line in found if header is None else found[1:]:
        fields, attributes = _read_line(line.text, divider, header)
        if attributes is None:
            needed = (
                _NEEDED if header is None else f"{len(header)} fields, as in the header, are needed"
            )
            refuse(network, f"line {line.number}", line.text, needed)
            continue
        if header is None and len(fields) == 2:
            network = network._replace(has_column_names=True)
        ends = (fields[columns.get("source", 0)], fields[columns.get("destination", 1)])
        if not all(end.strip() for end in ends):
            empty = [
                name for name, end in zip(("first", "second"), ends, strict=True) if not end.strip()
            ]
            nodes = f"the {empty[0]} node is" if len(empty) == 1 else "both nodes are"
            network.problems.append(f"line {line.number}: {nodes} empty")
            continue
        for node in ends:
            if node not in network.nodes:
                add_node(network, f"line {line.number}", node, {})
        add_link(network, f"line {line.number}", *ends, attributes)
    first = network.links[0] if network.links else None
    has_number = any(map(_has_number, network.links))
    if has_number and first is not None and _may_be_header(first, found[0].number):
        name = first.attributes.get(UNNAMED)
        network.links.remove(first)
        reason = f"a length in km is needed; if this is a header, length_key = {quote(name)} names its column"
        refuse(network, first.where, found[0].text, reason)
    if network.problems and not has_number:  # a text of another kind, of which one line is enough
        more = len(network.problems) + len(network.links) - 1
        rest = f"; nor is any other line a link ({more:,} more)" if more else ""
        return empty_network(network.problems[0] + rest)
    return _with_decimal_points(network)


def _read_line(
    text: str, divider: str | None, header: list[str] | None
) -> tuple[list[str], Mapping[str, object] | None]:
    """Return the fields of a line, and the attributes of its link or None where it is not one."""
    if header is None and (brace := text.find("{")) > 0 and text.endswith("}"):
        attributes = _dictionary(text[brace:])
        fields = _fields(text[:brace].rstrip(" ,;\t"), divider)
        return fields, attributes if len(fields) == 2 else None
    fields = _fields(text, divider)
    if header is None:
        return fields, {UNNAMED: fields[2]} if len(fields) == 3 else None
    if len(fields) != len(header):
        return fields, None
    ends = set(_places(header).values())
    return fields, {header[i]: fields[i] for i in range(len(header)) if i not in ends}


def _fields(line: str, divider: str | None) -> list[str]:
    if divider != ";":  # lines may differ, as each says for itself
        divider = next((mark for mark in "\t,;" if mark in line), None)
    try:
        return split_line(line, divider)
    except csv.Error:  # a field of more than 128 KiB
        return [line]


def _dictionary(text: str) -> Mapping[str, object] | None:
    if len(text) > _LONGEST_DICTIONARY:
        return None
    try:
        found = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None
    return {str(key): value for key, value in found.items()} if isinstance(found, dict) else None


def _header(line: str, divider: str | None, length_key: str) -> list[str] | None:
    """Return the names of the columns, where this line has names and not a link."""
    fields = _fields(_UNIT.sub(r"(\1)", line) if divider is None else line, divider)
    if "{" in line and line.endswith("}"):  # a link as networkx writes it
        return None
    if len(fields) < 3 or any(number_of(field) is not None for field in fields[2:]):
        return None
    wanted = length_key.strip().lower()
    has_length = any(is_length_name(name) or name.lower() == wanted for name in fields)
    has_ends = any(map(is_source, fields)) and any(map(is_destination, fields))
    if not (has_length or has_ends):
        return None
    return [name or f"column {place}" for place, name in enumerate(fields, 1)]


def _places(header: list[str]) -> dict[str, int]:
    """Return which columns have the ends of a link: those that are called so, or else the first two."""
    source = next((i for i, name in enumerate(header) if is_source(name)), None)
    destination = next((i for i, name in enumerate(header) if is_destination(name)), None)
    if source is None or destination is None:
        source, destination = 0, 1
    return {"source": source, "destination": destination}


def _named_twice(header: list[str]) -> list[str]:
    """Return the names that several columns have, with these; those of the ends need none."""
    ends = set(_places(header).values())
    places: dict[str, list[str]] = {}
    for place, name in enumerate(header):
        if place not in ends:
            places.setdefault(name, []).append(str(place + 1))
    return [
        f"columns {' and '.join(found)} are both called {quote(name)}"
        if len(found) == 2
        else f"columns {', '.join(found)} are all called {quote(name)}"
        for name, found in places.items()
        if len(found) > 1
    ]


def _may_be_header(first: ListedLink, number: int) -> bool:
    """Return whether what was read as the first link has no number, and is the first line."""
    is_first = first.where == f"line {number}" and UNNAMED in first.attributes
    return is_first and not _has_number(first)


def _has_number(link: ListedLink) -> bool:
    return any(re.search(r"\d", str(value)) for value in link.attributes.values())


def _with_decimal_points(network: ListedNetwork) -> ListedNetwork:
    names = dict.fromkeys(name for link in network.links for name in link.attributes)
    changed: dict[str, list[str]] = {}
    for name in names:
        values = [link.attributes.get(name) for link in network.links]
        if not all(isinstance(value, str) for value in values):
            continue
        texts = [str(value) for value in values]
        if (better := without_decimal_commas(texts)) is not None:
            changed[name] = better
            place = next(i for i, value in enumerate(texts) if value != better[i])
            network.remarks.append(
                f"{name}: commas are taken for decimal points: {texts[place]} is {better[place]}"
            )
    if not changed:
        return network
    links = [
        ListedLink(
            *link[:3],
            {**link.attributes, **{name: values[i] for name, values in changed.items()}},
        )
        for i, link in enumerate(network.links)
    ]
    return network._replace(links=links)


LINK_LINES = Reader("a link per line", lambda file: False, read_link_lines)
"""For text of no other format: it is known by nothing."""
