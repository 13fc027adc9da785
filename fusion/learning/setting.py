"""A config to what environments are made of; what they do not model is refused by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypedDict, cast

from fusion.config.config import Config, ConfigError, Problem, load_config
from fusion.config.misfits import misfits
from fusion.config.problems import brief, nearest, with_allowed
from fusion.config.relevant_fields import relevant_fields
from fusion.config.sections import SECTIONS
from fusion.config.sources import source_of
from fusion.kernel.search import FIRST_FIT
from fusion.learning.episodes import counted_of, flag_of, number_of
from fusion.learning.own import is_own, own_function, own_size
from fusion.scenario.inputs import read_inputs
from fusion.scenario.layout import ActionKind, Layout, ObservationKind, make_layout
from fusion.scenario.policies import (
    ASSIGNED,
    FITS,
    IMPAIRMENT_FITS,
    IMPAIRMENT_RANKS,
    RANKS,
    path_fit,
)
from fusion.scenario.scenario import Scenario, make_scenario
from fusion.scenario.user_policy import UserPolicy

ConfigLike = Config | str | Path
WarmUp = Literal["agent", "policy"]
RewardKind = Literal["served", "bit_rate", "capacity_loss", "own"]
OwnFunction = str | Callable[..., Any]
"""A function of the user's, or where it is: "file.py:function"."""


_MODELLED: dict[str, frozenset[str] | None] = {
    # None: with every value. What is in no entry is refused unless it is at its default, so that an option
    # of the simulator is never dropped in silence.
    **dict.fromkeys(
        (
            "erlang_start",
            "erlang_stop",
            "erlang_step",
            "holding_time",
            "num_requests",
            "max_iters",
            "request_distribution",
            "mod_assumption",
            "mod_assumption_path",
            "guard_slots",
            "spectrum_priority",
            "frag_calc_step",
            "network",
            "cores_per_link",
            "bw_per_slot",
            "const_link_weight",
            "length_key",
            "is_only_core_node",
            "link_directions",
            "k_paths",
            "path_order",
            "candidate_order",
            "path_ties",
            "candidate_ties",
            "path_ties_salt",
            "paths_file",
            "congestion_weight",
            "path_choice",
            "interfering_routes",
            "capacity_widths",
            "spectrum_classes",
            "c_band",
            "l_band",
            "s_band",
            "o_band",
            "e_band",
            "bit_rates",
            "bit_rate_min",
            "bit_rate_max",
            "bit_rate_step",
            "holding_distribution",
            "traffic_matrix",
            "seed",
            "warmup_requests",
            "stopping_rule",
            "confidence",
            "relative_precision",
            "absolute_precision",
            "min_replications",
            "look_ahead",
            "fixed_grid",
            "channel_capacity",
            "dynamic_lps",
            "max_segments",
            "can_partially_serve",
            "restoration_latency_ms",
            "signalling_ms_per_km",
            *SECTIONS["snr_settings"].model_fields,
            *SECTIONS["failure_settings"].model_fields,
        )
    ),
    "route_method": frozenset(
        {"k_shortest_path", "shortest_path", "external_ksp", *RANKS, *IMPAIRMENT_RANKS}
    ),
    "allocation_method": frozenset({*FITS, *ASSIGNED, *IMPAIRMENT_FITS}),
}


class Options(TypedDict, total=False):
    """Keyword arguments of an environment: what an agent sees, and what it may do.

    load: Erlang; None: erlang_start. blocks: free blocks of a path among which an action chooses.
    observation: "features"; "spectrum" for these and the free slots of every link; "blocks" for more of paths
    and blocks; "graph" for nodes, links and paths apart; or a function or "file.py:function" that returns a
    tuple of numbers for a request. actions: "blocks" for path x free block, "paths", on
    which allocation_method decides, or "slots" for path x first slot. reward: "served" for 1 or
    blocked_reward, "bit_rate" for these in proportion to the bit rate, or "capacity_loss" for 1 less the
    capacity that the lightpath takes from routes; or a function or "file.py:function" that returns it for a
    request, path, plane and start. shows_holding: whether the holding time is in the features.
    warm_up: who decides the requests before measuring starts, "agent" in steps or "policy" (the one of the
    config) within `reset`. may_block: whether the mask lets an agent block a request that has room.
    blocked_reward: reward for a request that is not served.
    """

    load: float | None
    blocks: int
    observation: ObservationKind | OwnFunction
    actions: ActionKind
    reward: RewardKind | OwnFunction
    shows_holding: bool
    warm_up: WarmUp
    may_block: bool
    blocked_reward: float


class Setting(NamedTuple):
    """What is the same in all episodes.

    load: Erlang. warmup_requests: requests of an episode before measuring starts. agent_warms_up: whether
    the agent decides these, too, or the policy of the config. may_block: whether an agent may block a request
    that has room. shows_spectrum: whether an observation has the free slots of every link, too. reward: as in
    `Options`.
    """

    config: Config
    scenario: Scenario
    load: float
    warmup_requests: int
    agent_warms_up: bool
    layout: Layout
    blocked_reward: float
    may_block: bool
    shows_spectrum: bool
    reward: RewardKind = "served"
    observer: UserPolicy | None = None
    rewarder: UserPolicy | None = None

    @property
    def is_adapted(self) -> bool:
        """Whether its observations, actions or rewards are other ones than those of the event loop."""
        layout = self.layout
        is_seen_otherwise = layout.shows_more or layout.observation == "own"
        return is_seen_otherwise or layout.action_kind != "blocks" or self.reward != "served"


def make_setting(
    config: ConfigLike,
    overrides: Mapping[str, object] | None = None,
    *,
    load: float | None = None,
    blocks: int = 1,
    observation: ObservationKind | OwnFunction = "features",
    actions: ActionKind = "blocks",
    reward: RewardKind | OwnFunction = "served",
    shows_holding: bool = False,
    warm_up: WarmUp = "agent",
    may_block: bool = False,
    blocked_reward: float = -1.0,
    **unknown: object,
) -> Setting:
    """Return the setting of a config and of `Options`.

    Raises ConfigError for a config that is wrong or asks for what environments do not model, ValueError for
    another argument, TypeError for an unknown option.
    """
    for name in unknown:
        options = Options.__annotations__
        raise TypeError(
            with_allowed(
                f"{name}: unknown option", nearest(name, options), f"there are {', '.join(options)}"
            )
        )
    if isinstance(config, Config):
        if overrides:
            raise ValueError("overrides belong to a template or a file: a Config has them already")
    else:
        config = load_config(config, overrides)
    _refuse(config)
    load = config.loads[0] if load is None else number_of("load", load)
    if not 1e-6 <= load <= 1e6:
        raise ValueError(f"load = {load:g}: must be from 1e-6 to 1e6 Erlang")
    blocks = counted_of("blocks", blocks, 1, 1000)
    blocked_reward = number_of("blocked_reward", blocked_reward)
    may_block = flag_of("may_block", may_block)
    shows_holding = flag_of("shows_holding", shows_holding)
    own = {"observation": observation, "reward": reward}
    own = {name: value for name, value in own.items() if is_own(value)}
    observation = "own" if "observation" in own else observation
    reward = "own" if "reward" in own else reward
    for name, value, allowed in (
        ("observation", observation, ("features", "spectrum", "blocks", "graph")),
        ("actions", actions, ("blocks", "paths", "slots")),
        ("reward", reward, ("served", "bit_rate", "capacity_loss")),
        ("warm_up", warm_up, ("agent", "policy")),
    ):
        if name not in own and value not in allowed:
            *others, last = map(repr, allowed)
            raise ValueError(f"{name} = {value!r}: must be {', '.join(others)} or {last}")
    inputs = read_inputs(config)
    scenario = make_scenario(config, inputs)
    kinds = cast(tuple[ObservationKind, RewardKind], (observation, reward))
    _check_kinds(config, scenario, actions, *kinds)
    functions = {name: own_function(name, own[name], config, inputs, scenario) for name in own}
    observer, rewarder = (functions.get(name) for name in ("observation", "reward"))
    return Setting(
        config=config,
        scenario=scenario,
        load=load,
        warmup_requests=config.warmup_requests(load),
        agent_warms_up=warm_up == "agent",
        layout=make_layout(
            scenario,
            blocks,
            shows_holding=shows_holding,
            observation=kinds[0],
            action_kind=actions,
            own_size=0 if observer is None else own_size(observer, scenario),
        ),
        blocked_reward=blocked_reward,
        may_block=may_block,
        shows_spectrum=observation == "spectrum",
        reward=kinds[1],
        observer=observer,
        rewarder=rewarder,
    )


def _check_kinds(
    config: Config,
    scenario: Scenario,
    actions: ActionKind,
    observation: ObservationKind,
    reward: RewardKind,
) -> None:
    """Raise ValueError for kinds of observations, actions and rewards that do not go with a config."""
    fit = path_fit(config) if actions == "paths" else FIRST_FIT
    service = scenario.service
    is_sliced = service is not None and service.max_segments > 1
    has_quality = service is not None and service.quality is not None
    key = "max_segments" if is_sliced else "snr_type"
    if (is_sliced or has_quality) and (actions == "slots" or fit != FIRST_FIT):
        kind = "with another allocation_method than first_fit" if actions == "paths" else ""
        raise ValueError(
            f"actions = {actions!r} {kind}".rstrip()
            + f": not with {key}, where a place is found with its modulation format; take 'blocks'"
        )
    if is_sliced and reward in ("capacity_loss", "own"):
        raise ValueError(f"reward = {reward!r}: not with max_segments, as it is that of one place")
    if has_quality and "own" in (observation, reward):
        name = "observation" if observation == "own" else "reward"
        raise ValueError(
            f"{name}: a function of one's own does not go with snr_type, as it is asked before a modulation"
            " format is chosen"
        )


def _refuse(config: Config) -> None:
    """Raise ConfigError with every key that asks for what environments do not model."""
    problems = misfits(config, "learners")
    named = {problem.key for problem in problems}
    for name, value in relevant_fields(config).items():
        section, _, key = name.partition(".")
        allowed = _MODELLED.get(key, frozenset())
        if key in named or allowed is None or (isinstance(value, str) and value in allowed):
            continue
        message = (
            "a reinforcement-learning environment does not model this; leave the key at its default"
        )
        problems.append(Problem(section, key, brief(value), message, source_of(config, key)))
    if problems:
        raise ConfigError(problems)
