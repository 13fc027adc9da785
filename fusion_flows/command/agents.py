"""Files of trained agents at the command: what they are, which config they fit, and made from others."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

from fusion.config.named_files import AGENT_ENDINGS
from fusion.results.files import write_atomic
from fusion.scenario.agent.file import agent_content, read_agent
from fusion.scenario.agent.graph import AgentFileError
from fusion.scenario.agent.source import AgentSource
from fusion.scenario.agent.stable_baselines3 import ACTIVATIONS, graph_of_model
from fusion.scenario.agent.tape import make_tape
from fusion_flows.runs.time_expressions import ArgumentError


class AgentInWords(NamedTuple):
    """An agent. facts: what it is, by name. file: what was written of it; None: nothing."""

    facts: dict[str, Any]
    file: Path | None


def agent(file: Path, /, *, to: str = "", activation: str = "", fits: str = "") -> AgentInWords:
    """Show what a trained agent is, or write one as a file for `policy`.

    Args:
        file: An agent (.onnx, .safetensors), or a model of Stable-Baselines3 with MlpPolicy (.zip), of which
            the weights alone are read: what is pickled in it could run any code, and is not loaded.
        to: File to write, .onnx or .safetensors; required for a model of Stable-Baselines3; default: none.
        activation: Activation between the layers of a model of Stable-Baselines3 (tanh, relu, elu, sigmoid);
            default: as the model says.
        fits: Name of a template or path of an INI file, to check whether the agent fits it; default: none.
    """
    if activation and activation not in ACTIVATIONS:
        raise ArgumentError(f"--activation {activation}: must be {', '.join(ACTIVATIONS)}")
    is_model = file.suffix.lower() == ".zip"
    if is_model and not to:
        raise ArgumentError(
            f"{file} is a model of Stable-Baselines3: --to names the agent to write"
        )
    if activation and not is_model:
        raise ArgumentError("--activation is for models of Stable-Baselines3 (.zip)")
    if to and not to.lower().endswith(AGENT_ENDINGS):
        raise ArgumentError(f"--to {to}: must end in {' or '.join(AGENT_ENDINGS)}")
    try:
        if is_model:
            source = AgentSource(file.name, graph_of_model(file, activation), None)
        else:
            source = read_agent(file)
        written = None
        if to:
            written = Path(to)
            ending = written.suffix.lower()
            write_atomic(written, agent_content(ending, source.graph, source.about))
            source = read_agent(written)
    except AgentFileError as error:
        raise ArgumentError(f"{file}: {error}") from None
    if fits:
        _check_fit(written or file, fits)
    return AgentInWords(_facts(source) | ({"fits": fits} if fits else {}), written)


def _check_fit(file: Path, template: str) -> None:
    """Raise ConfigError where an agent does not fit a config."""
    from fusion.config.config import load_config
    from fusion.scenario.inputs import read_inputs

    overrides = {"routing_settings": {"policy": str(file.absolute())}}
    read_inputs(load_config(template, overrides))


def _facts(source: AgentSource) -> dict[str, Any]:
    tape, actions = make_tape(source.graph)
    operators = Counter(node.operator for node in source.graph.nodes)
    about = source.about
    found: dict[str, Any] = {
        "numbers of an observation": source.graph.features,
        "actions": actions,
        "weights": source.graph.numbers,
        "operators": ", ".join(f"{count} {name}" for name, count in sorted(operators.items())),
        "instructions": len(tape.instruction),
        "content": source.key[:12],
    }
    if about is None:
        return found | {"trained on": "not in the file; worked out from the sizes"}
    found |= {
        "sees": about.observation + (", holding time" if about.shows_holding else ""),
        "chooses": about.actions
        + (f", {about.blocks} of a path" if about.actions == "blocks" else ""),
    }
    if about.candidates is not None:
        found["paths of a pair"] = about.candidates
    if about.nodes:
        found["nodes"] = ", ".join(about.nodes)
    if about.allocation_method:
        found["allocation_method"] = f"{about.allocation_method}, on the path that it chooses"
    if about.network:
        found["trained on"] = about.network
    if about.load is not None:
        found["load of training (E)"] = f"{about.load:g}"
    if about.seed is not None:
        found["seed of training"] = about.seed
    if about.steps is not None:
        found["steps of training"] = about.steps
    return found
