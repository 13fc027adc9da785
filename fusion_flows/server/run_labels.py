"""Name and tags of a run in Prefect's lists."""

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import UUID

from prefect.runtime import flow_run as current

from fusion.config.config import Config
from fusion_flows.server.connection import Connection

_MOST_TAGS = 10  # beyond that a sweep's tags would hide its name
_GREEK = (
    "alpha|beta|gamma|delta|epsilon|zeta|eta|theta|iota|kappa|lambda|mu|nu|xi|omicron|pi|rho|sigma|"
    "tau|upsilon|phi|chi|psi|omega"
)
# From what Prefect makes names: two words in its server, and two other lists in the two versions of its UI.
_MADE_UP = re.compile(
    r"[a-z]+-[a-z]+"  # server: kind-otter
    r"|[A-Z][a-z]+-[A-Z][a-z]+"  # form in V2 of the UI: Handmade-Fox
    rf"|({_GREEK})\d*-[a-z-]+"  # form in V1: zeta27-undeeps-h
)


def given_name(parameters: Mapping[str, Any]) -> str:
    """Return the name of the current run if somebody gave it one, or nothing.

    The parameter `name` comes before the field Run Name of Prefect's form, which is never empty:
    the form makes up a name there, and so does the server where nobody has.
    """
    if parameters.get("name"):
        return str(parameters["name"])
    name = str(current.name or "")
    return "" if _MADE_UP.fullmatch(name) else name


def add_tags(
    connection: Connection, flow_run_id: UUID, kind: str, template: str, configs: Iterable[Config]
) -> None:
    """Tag the current run with its kind, template, topologies and policies, so that lists can be filtered.

    Nothing here can end the run. kind: simulation or sweep, as its deployment is tagged. template: a name; a
    path is left out.
    """
    names = {"fusion": None, kind: None}
    if template and not template.endswith(".ini"):
        names[template] = None
    for config in configs:
        names |= {Path(config.topology_settings.network).stem: None, config.policy: None}
    tags = list(dict.fromkeys([*current.tags, *list(names)[:_MOST_TAGS]]))
    with suppress(Exception):
        connection.call(lambda client: client.update_flow_run(flow_run_id, tags=tags))
