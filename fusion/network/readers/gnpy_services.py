"""Services (path requests) of GNPy in JSON, as demands in Gb/s.

As GNPy 2.12 and 3.0.1 read and write them: `path-request`, in 3.0.1 also within
`gnpy-path-computation:services`, with numbers as text there. `path_bandwidth` is in bit/s; a service that is
`bidirectional` is demanded both ways. What was guessed wrong before looking: services may be alike, as GNPy
adds them up; and source and destination are transceivers, with uids of their own, and no nodes.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from fusion.config.named_files import quote
from fusion.network.listed_network import number_of
from fusion.network.readers.reader import NetworkFile
from fusion.network.readers.sndlib_places import Demand

_WRAPPED = "gnpy-path-computation:services"
_LIST = "path-request"
_TRANSCEIVER = re.compile(r"(?i)^trx[\s_-]+")


def has_services(file: NetworkFile) -> bool:
    """Return whether a file of GNPy has services, alone or beside a network."""
    return bool({_LIST, _WRAPPED} & file.keys)


def read_services(file: NetworkFile, node_of: Mapping[str, str]) -> list[Demand]:
    """Return the services of a file as demands in Gb/s.

    node_of: uid of a transceiver -> its node; of others the uid without "trx" is the node.
    Raises ValueError with the first thing that is wrong.
    """
    data = file.json.get(_WRAPPED, file.json)
    data = data[0] if isinstance(data, list) and data else data
    listed = data.get(_LIST) if isinstance(data, dict) else None
    if not isinstance(listed, list) or not listed:
        raise ValueError("a list of services of GNPy without services")
    return [
        demand for number, each in enumerate(listed, 1) for demand in _ways(each, number, node_of)
    ]


def _ways(service: Any, number: int, node_of: Mapping[str, str]) -> Iterator[Demand]:
    where = f"service {number}"
    if not isinstance(service, dict):
        raise ValueError(f"{where}: an object is needed")
    if (given := service.get("request-id")) is not None:
        where = f"service {quote(given)}"
    ends = []
    for key in ("source", "destination"):
        uid = service.get(key)
        if not isinstance(uid, str):
            raise ValueError(f"{where}: {key} = {quote(uid)}: must be the uid of a transceiver")
        ends.append(node_of.get(uid, _TRANSCEIVER.sub("", uid).strip()))
    constraints = service.get("path-constraints")
    band = constraints.get("te-bandwidth") if isinstance(constraints, dict) else None
    bits = number_of(band.get("path_bandwidth")) if isinstance(band, dict) else None
    if bits is None or bits < 0:
        raise ValueError(f"{where}: path_bandwidth must be a number of bit/s from 0")
    value = f"{bits / 1e9:.12g}"
    yield Demand(where, ends[0], ends[1], value)
    if service.get("bidirectional") is True:
        yield Demand(where, ends[1], ends[0], value)
