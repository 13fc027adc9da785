"""The formats of network files, in the order in which a file is tried."""

from pathlib import Path
from typing import NamedTuple

from fusion.config.text_files import read_text
from fusion.network.listed_network import ListedNetwork
from fusion.network.readers.counted_lines import COUNTED_LINES
from fusion.network.readers.deeprmsa import DEEPRMSA
from fusion.network.readers.gml import GML
from fusion.network.readers.gnpy_topology import GNPY_TOPOLOGY
from fusion.network.readers.gnpy_workbook import (
    FORMAT,
    XLS,
    is_gnpy_workbook,
    may_be_gnpy_xls,
    read_gnpy_workbook,
)
from fusion.network.readers.graphml import GRAPHML
from fusion.network.readers.link_lines import LINK_LINES
from fusion.network.readers.net2plan import NET2PLAN
from fusion.network.readers.node_link import NODE_LINK
from fusion.network.readers.ons import ONS
from fusion.network.readers.other_files import OTHER
from fusion.network.readers.reader import NetworkFile, Reader
from fusion.network.readers.sndlib_native import SNDLIB_NATIVE
from fusion.network.readers.sndlib_xml import SNDLIB_XML
from fusion.network.readers.topology_bench import (
    TOPOLOGY_BENCH,
    is_topology_bench,
    read_sheets,
)
from fusion.network.readers.workbook import BEGINNING, read_workbook

READERS = (
    *(SNDLIB_NATIVE, SNDLIB_XML, GNPY_TOPOLOGY, NET2PLAN, ONS, TOPOLOGY_BENCH, DEEPRMSA),
    *(GRAPHML, GML, NODE_LINK, COUNTED_LINES, OTHER),
)
"""A file is read by the first that recognises its content."""

_BY_ENDING = {".json": NODE_LINK, ".graphml": GRAPHML, ".xml": GRAPHML, ".gml": GML}
"""Where the content is not recognised, what the ending promises: its reader explains what is wrong."""

_MAX_BYTES = 16 * 2**20


class Content(NamedTuple):
    """What a file has. format: what its format is called."""

    format: str
    file: NetworkFile
    network: ListedNetwork


def read_network(file: Path, length_key: str = "") -> ListedNetwork:
    """Read a file in the format that its content shows; text of no format is a link per line.

    length_key: the attribute that has the lengths, where it is named.

    Raises ValueError, with the reason but not the name of the file, when it cannot be read as text.
    """
    return read_content(file, length_key).network


def read_content(file: Path, length_key: str = "") -> Content:
    """Read a file as `read_network` does, and return its format, too."""
    ending = file.suffix.lower()
    if (workbook := workbook_of(file)) is not None:
        return workbook
    text = read_text(file, _MAX_BYTES, table=ending not in _BY_ENDING)
    content = NetworkFile(text, ending, length_key)
    reader = _reader_of(content)
    return Content(reader.format, content, reader.read(content))


def workbook_of(file: Path) -> Content | None:
    """Return what a workbook has; None where a file is not one."""
    try:
        if not file.is_file() or file.stat().st_size > _MAX_BYTES:
            return None
        with file.open("rb") as stream:
            beginning = stream.read(len(XLS))
            if beginning == XLS:
                if not may_be_gnpy_xls(stream.read()):
                    return None  # `read_text` says what it is
                return Content(FORMAT, *read_gnpy_workbook(file, is_xls=True))
            if not beginning.startswith(BEGINNING):
                return None
            sheets = read_workbook(beginning + stream.read())
    except OSError:  # which `read_text` explains
        return None
    names = [sheet.name for sheet in sheets]
    if is_gnpy_workbook(names) and not is_topology_bench(sheets):
        return Content(FORMAT, *read_gnpy_workbook(file, is_xls=False))
    return Content(f"{TOPOLOGY_BENCH.format} workbook", NetworkFile(""), read_sheets(sheets))


def _reader_of(file: NetworkFile) -> Reader:
    found = next((reader for reader in READERS if reader.recognises(file)), None)
    if found is None and file.is_json:
        return NODE_LINK
    if found is None and file.root:
        return GRAPHML
    return found or _BY_ENDING.get(file.ending, LINK_LINES)
