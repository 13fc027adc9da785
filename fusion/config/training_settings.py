"""How an agent is trained: the section [training_settings], which only `fusion train` reads.

It stands in the INI file of a setting, or in a file of its own, and is no part of a `Config`: it determines
an agent, and not what a run of the simulator finds.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from fusion.config.ini import Entries, Entry, format_value, parse_ini, read_ini
from fusion.config.problems import ConfigError, Problem, brief, nearest, with_allowed, words
from fusion.config.section import Section
from fusion.config.values import TOLD, Flag, Integer, Number, Word

SECTION = "training_settings"
ASSIGNED = "-t"
"""Where a value is from that was assigned on the command line."""

_Count = Annotated[int, Field(ge=1, le=1_000_000_000), Integer]
_Small = Annotated[int, Field(ge=1, le=100_000), Integer]


class TrainingSettings(Section):
    """What determines an agent, beside network and traffic."""

    algorithm: Annotated[Literal["maskable_ppo"], Word] = Field(
        default="maskable_ppo",
        description="maskable_ppo: proximal policy optimisation that draws only possible actions.",
    )
    steps: _Count = Field(
        default=2_000_000,
        description="Requests that the agent decides while it learns, over all environments.",
    )
    environments: _Small = Field(default=128, description="Environments side by side.")
    rollout_steps: _Small = Field(
        default=64, description="Requests of each environment between two updates of the weights."
    )
    batch_size: _Small = Field(
        default=2048, description="Requests of a gradient step; at most those of a rollout."
    )
    epochs: Annotated[int, Field(ge=1, le=1000), Integer] = Field(
        default=4, description="How often an update goes through its rollout."
    )
    learning_rate: Annotated[float, Field(gt=0, le=1), Number] = Field(
        default=1e-3, description="Step size of Adam at the start."
    )
    learning_rate_schedule: Annotated[Literal["constant", "linear"], Word] = Field(
        default="linear", description="constant; linear: falls to 0 at the last step."
    )
    gamma: Annotated[float, Field(ge=0, le=1), Number] = Field(
        default=0.99, description="Discount per request: 0.99 looks some 100 requests ahead."
    )
    gae_lambda: Annotated[float, Field(ge=0, le=1), Number] = Field(
        default=0.95, description="Lambda of the generalised advantage estimate."
    )
    clip_range: Annotated[float, Field(gt=0, le=1), Number] = Field(
        default=0.2, description="How far the ratio of new to old probabilities counts."
    )
    entropy_coefficient: Annotated[float, Field(ge=0, le=1), Number] = Field(
        default=0.001, description="Weight of the entropy in the loss; more of it explores more."
    )
    network: Annotated[Literal["paths", "mlp"], Word] = Field(
        default="paths",
        description="paths: the same layers for each candidate path, which see the path and the request, "
        "give a score for each of its actions; mlp: dense layers over the whole observation.",
    )
    width: Annotated[int, Field(ge=1, le=4096), Integer] = Field(
        default=64, description="Units of each layer."
    )
    layers: Annotated[int, Field(ge=1, le=16), Integer] = Field(
        default=2, description="Hidden layers."
    )
    attention_heads: Annotated[int, Field(ge=0, le=64), Integer] = Field(
        default=0,
        description="Heads of one layer of self-attention between the paths; 0: no attention (paths).",
    )
    observation: Annotated[Literal["features", "blocks"], Word] = Field(
        default="features",
        description="What the agent sees of request and paths: features: those of DeepRMSA; blocks: more of "
        "paths and blocks.",
    )
    actions: Annotated[Literal["blocks", "paths", "slots"], Word] = Field(
        default="blocks",
        description="What an action chooses: blocks: path and free block; paths: the path, on which "
        "allocation_method decides; slots: path and first slot.",
    )
    reward: Annotated[Literal["served", "bit_rate", "capacity_loss"], Word] = Field(
        default="served",
        description="served: 0 for a request that is served, -1 for a blocked one; bit_rate: 1 and -1, in "
        "proportion to its bit rate; capacity_loss: as served, less the capacity that it takes from routes.",
    )
    blocks: Annotated[int, Field(ge=1, le=1000), Integer] = Field(
        default=1, description="Free blocks of a path among which an action chooses."
    )
    shows_holding: Annotated[bool, Flag] = Field(
        default=False, description="Whether the agent sees the holding time of the request."
    )
    load: Annotated[float, Field(ge=0, le=1_000_000), Number] = Field(
        default=0, description="Load in Erlang at which the agent learns; 0: erlang_start."
    )
    episode_requests: Annotated[int, Field(ge=10, le=100_000_000), Integer] = Field(
        default=2000,
        description="Requests of an episode after its warm-up, which the policy of the config serves.",
    )
    seed: Annotated[int, Field(ge=0, le=2**32 - 1), Integer] = Field(
        default=1,
        description="Seed of the weights, of exploration and of the streams of episodes. The requests with "
        "which an agent is evaluated follow from simulation_settings.seed.",
    )
    threads: Annotated[int, Field(ge=1, le=256), Integer] = Field(
        default=1,
        description="Threads of the network. With one, the same seed gives the same weights, bit for bit.",
    )
    checkpoint_every: _Count = Field(
        default=200_000,
        description="Steps between two checkpoints, at most a tenth of all, rounded up to whole rollouts. "
        "At each one all environments begin new episodes, so that a resumed training is the same as one "
        "that was not interrupted.",
    )
    evaluation_every: _Count = Field(
        default=200_000,
        description="Steps between two evaluations, at most a tenth of all, rounded up to checkpoints.",
    )
    evaluation_replications: Annotated[int, Field(ge=2, le=10_000), Integer] = Field(
        default=16,
        description="Replications of an evaluation, always the same ones; no run of the simulator has them.",
    )
    evaluation_requests: Annotated[int, Field(ge=10, le=100_000_000), Integer] = Field(
        default=5000, description="Measured requests of each of these replications."
    )
    patience: Annotated[int, Field(ge=0, le=10_000), Integer] = Field(
        default=0,
        description="Evaluations in a row without less blocking after which the training stops; 0: it "
        "does all its steps.",
    )


def read_training(
    file: str | Path | None, assignments: Mapping[str, object] | None = None, *, text: str = ""
) -> TrainingSettings:
    """Return the checked settings: defaults < the section of a file < assignments.

    file: an INI file, of which only [training_settings] is read; None: none. assignments: key -> value,
    typed or as INI text. text: INI text in the place of a file.

    Raises ConfigError with all problems: key, value, what is allowed, where it came from.
    """
    entries: Entries = {}
    problems: list[Problem] = []
    if file is not None:
        entries, problems = read_ini(Path(file))
    elif text:
        entries, problems = parse_ini(text, SECTION)
    problems = [each for each in problems if each.section in ("", SECTION)]
    given = {
        key: entry
        for (section, key), entry in entries.items()
        if section == SECTION and not entry.inherited
    }
    for key, value in (assignments or {}).items():
        given[key.strip().lower()] = Entry(value, ASSIGNED)
    settings, wrong = _checked(given)
    if problems or wrong:
        raise ConfigError([*problems, *wrong])
    return settings


def training_ini(settings: TrainingSettings) -> str:
    """Return the settings as INI text, every key with its value. `read_training` reads the same from it."""
    values = settings.model_dump()
    lines = [f"{key} = {format_value(value)}" for key, value in values.items()]
    return "\n".join([f"[{SECTION}]", *lines, ""])


def read_assignments(texts: list[str]) -> dict[str, object]:
    """Return `key=value` texts as a mapping. Raises ConfigError, also for single values that are wrong."""
    found: dict[str, object] = {}
    problems = []
    for text in texts:
        name, equals, value = text.partition("=")
        key = name.strip().lower().removeprefix(f"{SECTION}.")
        if not (equals and key):
            message = f"'{text}' is not key=value, such as steps=1000000"
            problems.append(Problem("", "", None, message, ASSIGNED))
        elif key in found:
            message = f"is given as {found[key]}, too"
            problems.append(Problem(SECTION, key, value.strip(), message, ASSIGNED))
        else:
            found[key] = value.strip()
    if problems:
        given = {key: Entry(value, ASSIGNED) for key, value in found.items()}
        raise ConfigError([*problems, *_checked(given, one_by_one=True)[1]])
    return found


def _checked(
    given: Mapping[str, Entry], *, one_by_one: bool = False
) -> tuple[TrainingSettings, list[Problem]]:
    """Return settings, and what is wrong. one_by_one: let values through that do not go together."""
    known = TrainingSettings.model_fields
    schema = TrainingSettings.model_json_schema()["properties"]
    raw: dict[str, Any] = {key: entry.value for key, entry in given.items()}
    wrong: dict[str, str] = {}
    for key in raw.keys() - known.keys():
        wrong[key] = with_allowed(
            "unknown key", nearest(key, known), f"there are {', '.join(known)}"
        )
    try:
        settings = TrainingSettings.model_validate({k: v for k, v in raw.items() if k in known})
    except ValidationError as error:
        settings = TrainingSettings()
        for item in error.errors(include_url=False, include_input=False):
            key = str(item["loc"][0])
            told = item["type"] == TOLD
            wrong.setdefault(key, item["msg"] if told else _allowed(raw[key], schema[key]))
    for key, message in contradictions(settings).items():
        if not (wrong or one_by_one):
            wrong[key] = message
    sources = {key: entry.source for key, entry in given.items()}
    values = settings.model_dump()
    return settings, [
        Problem(
            SECTION,
            key,
            brief(raw[key] if key in raw else values[key]),
            message,
            sources.get(key, "default"),
        )
        for key, message in sorted(wrong.items())
    ]


def contradictions(settings: TrainingSettings) -> dict[str, str]:
    """Return what is wrong with values that are right by themselves, by key."""
    found = {}
    rollout = settings.environments * settings.rollout_steps
    if settings.batch_size > rollout:
        found["batch_size"] = f"a rollout has {rollout} requests (environments x rollout_steps)"
    if rollout == 1 or settings.batch_size == 1:
        found["batch_size"] = "a gradient step needs at least 2 requests"
    heads = settings.attention_heads
    if heads and settings.network == "mlp":
        found["attention_heads"] = "network = mlp has no attention; must be 0"
    elif heads and settings.width % heads:
        found["attention_heads"] = f"must divide width = {settings.width}"
    if settings.steps < rollout:
        found["steps"] = f"a rollout alone has {rollout} requests (environments x rollout_steps)"
    return found


def _allowed(value: object, schema: dict[str, Any]) -> str:
    if "const" in schema and "enum" not in schema:
        return f"must be {schema['const']}"
    text = f"must be {words(schema)}"
    if "enum" not in schema or not isinstance(value, str):
        return text
    return text + nearest(value, schema["enum"])
