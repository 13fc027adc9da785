"""The verb of the command `fusion` about files of trained agents."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from fusion_flows.command import agents, completion
from fusion_flows.command.exit_codes import DONE
from fusion_flows.command.terminal import print_json, print_table
from fusion_flows.command.verb import Json, Template, text_of


@text_of(agents.agent)
def _agent(
    file: Annotated[Path, completion.completed(completion.agent_files)],
    /,
    *,
    to: Annotated[str, Parameter(name=("--to", "-o"))] = "",
    activation: Annotated[str, completion.completed(completion.activations)] = "",
    fits: Template = "",
    json: Json = False,
) -> int:
    facts, written = agents.agent(file, to=to, activation=activation, fits=fits)
    if json:
        print_json({**facts, "file": written})
        return DONE
    print_table(["", "of the agent"], [(name, str(value)) for name, value in facts.items()])
    if written is not None:
        print()
        print(written)
    return DONE
