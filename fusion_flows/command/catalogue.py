"""What there is to choose from: templates, topologies and examples, with what they are."""

import ast
import json
from pathlib import Path
from typing import NamedTuple

from fusion.config.config import ConfigError, load_config
from fusion.config.named_files import names_agent
from fusion.config.shipped import FUSION_NETWORKS, TEMPLATES, TOPOLOGIES, topology_names
from fusion.config.templates import template_names
from fusion.network.topology import load_topology
from fusion_flows.runs.time_expressions import ArgumentError
from fusion_flows.server.settings import Settings
from fusion_flows.server.shipped import example_files


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


class Example(NamedTuple):
    """A shipped example: a sweep, policies, a trained agent, a notebook."""

    path: Path
    """Where it was written."""
    about: str
    """Its first line."""
    kept: bool
    """Another file of that name was there and is left as it is."""


def templates() -> list[Template]:
    """List the shipped templates and those in FUSION_TEMPLATES_DIR.

    Raises:
        ConfigError: The folder cannot be listed.
    """
    mine = Settings().templates_dir
    found = []
    for name in template_names(mine):
        path = TEMPLATES / f"{name}.ini"
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
    """List the shipped topologies. `network` takes one of these names, or the path of a file."""
    also = {shipped: name for name, shipped in FUSION_NETWORKS.items()}
    found = []
    for name in topology_names():
        path = TOPOLOGIES / f"{name}.json"
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


def examples(to: Path = Path("examples")) -> list[Example]:
    """Write the shipped examples into a folder: sweeps, policies to modify, trained agents, a notebook.

    Files that you have changed are not overwritten.

    Args:
        to: Folder for the files; default: `examples` here. Created if it does not exist.

    Raises:
        ArgumentError: The folder cannot be written.
    """
    written = []
    for name, source in example_files().items():
        content, target = source.read_bytes(), to / name
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            kept = target.exists() and target.read_bytes() != content
            if not kept:
                target.write_bytes(content)
        except OSError as error:
            raise ArgumentError(f"{target}: cannot be written: {error.strerror}") from None
        written.append(Example(target, _subject(name, content), kept))
    return written


def _subject(name: Path, content: bytes) -> str:
    """Return the first line of what an example says about itself."""
    if names_agent(name.name):
        return "A trained agent, to be used as a policy."
    text = content.decode()
    if name.suffix == ".ipynb":
        text = "".join(json.loads(text)["cells"][0]["source"])
    elif name.suffix == ".py":
        text = ast.get_docstring(ast.parse(text)) or ""
    return text.partition("\n")[0].lstrip("# ")


def hint(error: ConfigError) -> str:
    """Return where an example that is not in this folder comes from; empty for any other error."""
    for problem in error.problems:
        path = Path(str(problem.value))
        named = path.parts[:1] == ("examples",) and Path(*path.parts[1:]) in example_files()
        if problem.key in ("sweep", "template") and named and not path.exists():
            return "\n`fusion examples` writes the examples into the folder examples here."
    return ""
