"""Files of agents: read, checked, and made."""

from __future__ import annotations

import base64
from pathlib import Path

from pydantic import ValidationError

from fusion.config.named_files import AGENT_ENDINGS, InputFolders
from fusion.config.problems import show
from fusion.scenario.agent.about import METADATA_KEY, About
from fusion.scenario.agent.graph import AgentFileError, Graph, json_text
from fusion.scenario.agent.onnx_file import read_onnx, to_onnx
from fusion.scenario.agent.safetensors_file import read_safetensors, to_safetensors
from fusion.scenario.agent.source import AgentSource
from fusion.scenario.agent.tape import make_tape

MOST_BYTES = 64 << 20


def read_agent(path: str | Path, folders: InputFolders | None = None) -> AgentSource:
    """Return the agent in a file, .onnx or .safetensors, after trying out that its network is understood.

    folders: in which the file must lie; None: any place. Raises AgentFileError.
    """
    path = Path(path)
    if folders is not None and not folders.hold(path):
        raise AgentFileError(folders.refusal())
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise AgentFileError(f"cannot be read: {error.strerror}") from error
    if len(content) > MOST_BYTES:
        raise AgentFileError(f"is larger than {MOST_BYTES >> 20} MiB")
    return agent_from(path.name, content)


def agent_from(label: str, content: bytes) -> AgentSource:
    """Return the agent in the content of a file. label: name of the file. Raises AgentFileError."""
    ending = Path(label).suffix.lower()
    if ending == ".onnx":
        graph, metadata = read_onnx(content)
    elif ending == ".safetensors":
        graph, metadata = read_safetensors(content)
    else:
        raise AgentFileError(f"must end in {' or '.join(AGENT_ENDINGS)}")
    about = None
    if METADATA_KEY in metadata:
        try:
            about = About.model_validate_json(metadata[METADATA_KEY])
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"])) or "it"
            raise AgentFileError(
                f"its metadata {METADATA_KEY} is wrong: {where}: {show(first['msg'], 100)}"
            ) from None
    make_tape(graph)
    return AgentSource(label, graph, about)


def agent_content(ending: str, graph: Graph, about: About | None) -> bytes:
    """Return an agent as the content of a file, equal for equal agents. ending: .onnx or .safetensors.

    Raises AgentFileError for a network that could not be read again.
    """
    make_tape(graph)
    metadata = {}
    if about is not None:
        metadata = {METADATA_KEY: json_text(about.model_dump(mode="json"))}
    if ending == ".onnx":
        return to_onnx(graph, metadata)
    if ending == ".safetensors":
        return to_safetensors(graph, metadata)
    raise AgentFileError(f"must end in {' or '.join(AGENT_ENDINGS)}")


def to_record(agent: AgentSource) -> dict[str, str]:
    """Return an agent as JSON data, for another process."""
    content = agent_content(".safetensors", agent.graph, agent.about)
    return {"label": agent.label, "content": base64.b64encode(content).decode()}


def from_record(record: dict[str, str]) -> AgentSource:
    """Return an agent from what `to_record` returned. Raises ValueError, KeyError."""
    content = base64.b64decode(record["content"], validate=True)
    return agent_from("agent.safetensors", content)._replace(label=str(record["label"]))
