"""Whether an agent fits a config: it must see there what it was trained on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np

from fusion.config.config import Config, Problem
from fusion.config.counts import counted
from fusion.config.problems import show
from fusion.config.sources import problem_of
from fusion.kernel.search import FIRST_FIT
from fusion.network.paths import PathTable
from fusion.network.planes import planes_of
from fusion.network.topology import Topology
from fusion.scenario.agent.about import MOST_BLOCKS, About
from fusion.scenario.agent.source import AgentSource
from fusion.scenario.agent.tape import make_tape
from fusion.scenario.layout import ActionKind, Layout, ObservationKind
from fusion.scenario.loops import needs_quality
from fusion.scenario.policies import path_fit

OBSERVATIONS = ("features", "blocks")
"""Kinds of observation that the event loop shows to an agent."""

ACTIONS = ("blocks", "paths", "slots")
"""Kinds of its actions. On a path allocation_method decides."""


class AgentMisfitError(ValueError):
    """An agent that was trained on something else."""


def fitted(
    config: Config, agent: AgentSource, topology: Topology, paths: PathTable
) -> tuple[AgentSource | None, list[Problem]]:
    """Return an agent with all that is known of what it sees, or what does not fit. paths: candidates."""
    names = topology.nodes
    pairs = [(names[source], names[destination]) for source, destination in paths.pairs]
    nodes = tuple(dict.fromkeys(name for pair in pairs for name in pair))
    candidates = int(np.diff(paths.first_path).max())
    try:
        return agent._replace(about=_about(config, agent, nodes, candidates)), []
    except AgentMisfitError as error:
        return None, [problem_of(config, "policy", f"{agent.label}: {error}")]


def layout_of_agent(
    about: About, *, shows_quality: bool, shows_slices: bool, shows_failures: bool, slots: int
) -> Layout:
    """Return what an agent is shown, in the order in which it expects it. slots: of a link in all planes."""
    assert about.candidates is not None
    return Layout(
        nodes=about.nodes,
        candidates=about.candidates,
        blocks=about.blocks,
        shows_holding=about.shows_holding,
        shows_quality=shows_quality,
        shows_slices=shows_slices,
        shows_failures=shows_failures,
        observation=cast(ObservationKind, about.observation),
        action_kind=cast(ActionKind, about.actions),
        slots=slots,
    )


def _about(config: Config, agent: AgentSource, nodes: tuple[str, ...], candidates: int) -> About:
    features, actions = agent.graph.features, make_tape(agent.graph)[1]

    def layout(about: About) -> Layout:
        return layout_of_agent(
            about,
            shows_quality=needs_quality(config),
            shows_slices=config.general_settings.max_segments > 1,
            shows_failures=config.failure_settings.failure_type != "none",
            slots=sum(plane.slots for plane in planes_of(config)),
        )

    if agent.about is None:
        blocks = (actions - 1) // candidates
        if not 1 <= blocks <= MOST_BLOCKS or blocks * candidates + 1 != actions:
            raise AgentMisfitError(
                f"has {counted(actions, 'action')}, and its file does not say what they are; with "
                f"{counted(candidates, 'path')} of a pair of nodes there are {candidates} for each block and "
                "one more"
            )
        tried = [
            About(blocks=blocks, shows_holding=shows, candidates=candidates, nodes=nodes)
            for shows in (False, True)
        ]
        for about in tried:
            if layout(about).size == features:
                return about
        raise AgentMisfitError(_sizes(features, actions, layout(tried[0]), ""))
    about = agent.about
    for what, value, allowed in (
        ("observation", about.observation, OBSERVATIONS),
        ("actions", about.actions, ACTIONS),
    ):
        if value not in allowed:
            *others, last = allowed
            raise AgentMisfitError(
                f"was trained with {what} = {show(value)!r}; an agent can be a policy with "
                f"{', '.join(others)} or {last}"
            )
    fit = FIRST_FIT
    if about.actions == "paths":
        try:
            fit = path_fit(config)
        except ValueError as error:
            raise AgentMisfitError(f"was trained with {error}") from None
        used = config.general_settings.allocation_method
        if about.allocation_method not in ("", used):
            trained = show(about.allocation_method, 40)
            raise AgentMisfitError(
                f"chooses paths, and was trained with allocation_method = {trained} on them; here it is "
                f"{used}, with which it would decide otherwise than it has learned: "
                f"-s allocation_method={trained}"
            )
    sliced = config.general_settings.max_segments > 1
    if (about.actions == "slots" or fit != FIRST_FIT) and (sliced or needs_quality(config)):
        key = "max_segments" if sliced else "snr_type"
        other = ""
        if fit != FIRST_FIT:
            other = f" and allocation_method = {config.general_settings.allocation_method}"
        raise AgentMisfitError(
            f"was trained with actions = '{about.actions}'{other}: not with {key}, "
            "where a place is found with its modulation format"
        )
    if unknown := [name for name in nodes if about.nodes and name not in about.nodes]:
        raise AgentMisfitError(
            f"was trained on another network, of {_listed(about.nodes)}; it does not know "
            f"{_listed(unknown)}"
        )
    if about.candidates is not None and about.candidates < candidates:
        raise AgentMisfitError(
            f"was trained with {counted(about.candidates, 'path')} of a pair of nodes; here there are "
            f"{candidates} (k_paths = {config.routing_settings.k_paths})"
        )
    about = about.model_copy(
        update={
            "nodes": about.nodes or nodes,
            "candidates": about.candidates or candidates,
        }
    )
    expected = layout(about)
    if (expected.size, expected.actions) != (features, actions):
        raise AgentMisfitError(_sizes(features, actions, expected, " by its metadata"))
    return about


def _sizes(features: int, actions: int, expected: Layout, where: str) -> str:
    also = [
        words
        for shows, words in (
            (expected.shows_holding, "the holding time"),
            (expected.shows_quality, "signal quality"),
            (expected.shows_slices, "slicing"),
            (expected.shows_failures, "failures"),
        )
        if shows
    ]
    beside = f", with {' and '.join(also)}" if also else ""
    return (
        f"takes {counted(features, 'number')} and gives {counted(actions, 'action')}, but an observation of "
        f"this config has {expected.size} and there are {expected.actions} actions: "
        f"{counted(len(expected.nodes), 'node')}, {counted(expected.candidates, 'path')} of a pair"
        f"{where}, {counted(expected.blocks, 'block')} of a path{beside}"
    )


def _listed(names: Sequence[str]) -> str:
    first = ", ".join(show(name, 30) for name in names[:4])
    return f"{first} and {len(names) - 4} more" if len(names) > 4 else first
