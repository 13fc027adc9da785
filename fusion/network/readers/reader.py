"""What a reader of network files is, and the file that it is given."""

import json
import re
from collections import Counter
from collections.abc import Callable
from functools import cached_property
from typing import Any, NamedTuple
from xml.etree import ElementTree

from fusion.config.named_files import quote
from fusion.network.listed_network import ListedNetwork

INSTEAD = "write a link per line, as source,destination,length_km"
"""What can always be done with a network that is not read."""

_ROOT = re.compile(r"\s*(?:<\?[^>]*>\s*|<!--.*?-->\s*|<!DOCTYPE[^>\[]*>\s*)*<([\w:.-]+)", re.DOTALL)


class NetworkFile:
    """The text of a file, parsed once for all readers that look at it.

    ending: of its name, in lower case, with the dot.  length_key: the attribute that has the lengths, where
    it is named.
    """

    def __init__(self, text: str, ending: str = "", length_key: str = "") -> None:
        """Keep the text; it is parsed when a reader first asks."""
        self.text, self.ending, self.length_key = text, ending, length_key

    @cached_property
    def is_json(self) -> bool:
        """Whether the text begins as JSON does."""
        return self.text.lstrip()[:1] in ("{", "[")

    @cached_property
    def json(self) -> Any:
        """The JSON that the text is. Raises ValueError."""
        try:
            return json.loads(self.text, object_pairs_hook=_each_once)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"not JSON: {error}") from None

    @cached_property
    def keys(self) -> frozenset[str]:
        """The keys of the outermost object of JSON; none where it is something else, or damaged."""
        if not self.is_json:
            return frozenset()
        try:
            return frozenset(self.json) if isinstance(self.json, dict) else frozenset()
        except ValueError:
            return frozenset()

    @cached_property
    def root(self) -> str:
        """The name of the first element of XML, in lower case and without its prefix, or nothing."""
        match = _ROOT.match(self.text)
        return match[1].lower().rpartition(":")[2] if match else ""

    @cached_property
    def xml(self) -> ElementTree.Element:
        """The XML that the text is. Raises ValueError, also for entities, which can make gigabytes."""
        if "<!ENTITY" in self.text:
            raise ValueError("entities are not allowed")
        try:
            return ElementTree.fromstring(self.text)
        except ElementTree.ParseError as error:
            raise ValueError(quote(str(error))) from None


class Reader(NamedTuple):
    """A format: what it is called, whether a file has it, and how such a file is read.

    A reader refuses nothing that the model of a network refuses by itself: it lists what the file has.
    """

    format: str
    recognises: Callable[[NetworkFile], bool]
    read: Callable[[NetworkFile], ListedNetwork]


def tag(element: ElementTree.Element) -> str:
    """Return the name of an XML element without its namespace."""
    return element.tag.rpartition("}")[2]


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object of JSON; raise ValueError where it has a key twice, of which json keeps the last."""
    found = dict(pairs)
    if len(found) < len(pairs):
        key = next(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
        raise ValueError(f"an object has the key {quote(key)} twice")
    return found
