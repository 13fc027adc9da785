"""What there is to choose from: templates and topologies, with what they are."""

import json
from pathlib import Path
from typing import NamedTuple

import fusion.topology
from fusion.config import ConfigError, load_config, template_names
from fusion.topology import FUSION_NETWORKS, load_topology, topology_names
from fusion_flows.settings import Settings

_SHIPPED = Path(fusion.topology.__file__).parent


class Template(NamedTuple):
    """A named INI file."""

    name: str
    loads: str
    """In Erlang, first to last."""
    network: str
    policy: str
    about: str
    """The first line of the file."""
    path: Path


class Network(NamedTuple):
    """A shipped topology."""

    name: str
    nodes: int
    links: int
    total_km: float
    mean_km: float
    """Per link."""
    also: str
    """FUSION's name of it, where it has one."""
    source: str
    """From where the table is."""
    path: Path


def templates() -> list[Template]:
    """List the templates: those that are shipped, and those of your own in FUSION_TEMPLATES_DIR.

    Raises:
        ConfigError: The folder cannot be listed.
    """
    mine = Settings().templates_dir
    found = []
    for name in template_names(mine):
        path = _SHIPPED / "templates" / f"{name}.ini"
        if mine is not None and (mine / f"{name}.ini").is_file():
            path = mine / f"{name}.ini"
        try:
            found.append(_template(name, path))
        except (ConfigError, OSError, UnicodeError):
            problem = f"cannot be used: `fusion validate {name}` says why"
            found.append(Template(name, "", "", "", problem, path))
    return found


def _template(name: str, path: Path) -> Template:
    config = load_config(path)
    first, last = config.loads[0], config.loads[-1]
    return Template(
        name,
        f"{first:g}" if first == last else f"{first:g}-{last:g}",
        Path(config.topology_settings.network).stem,
        config.policy,
        _first_line(path, name),
        path,
    )


def _first_line(path: Path, name: str) -> str:
    """Return the remark that a template begins with, without its name."""
    with path.open(encoding="utf-8") as file:
        line = file.readline(500).strip()
    return line.lstrip("#; ").removeprefix(f"{name}:").strip() if line[:1] in ("#", ";") else ""


def topologies() -> list[Network]:
    """List the shipped topologies; `network` takes their names, and the path of a file of your own."""
    also = {shipped: name for name, shipped in FUSION_NETWORKS.items()}
    found = []
    for name in topology_names():
        path = _SHIPPED / "topologies" / f"{name}.json"
        topology = load_topology(name)
        total = sum(km for _, _, km in topology.links)
        found.append(
            Network(
                name,
                len(topology.nodes),
                len(topology.links),
                total,
                total / len(topology.links),
                also.get(name, ""),
                json.loads(path.read_text(encoding="utf-8")).get("graph", {}).get("source", ""),
                path,
            )
        )
    return found
