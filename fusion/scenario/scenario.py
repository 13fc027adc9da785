"""Config and input files to arrays: all that a replication needs, small enough to send to a worker.

Each part has a function in a file of its own, which gives None where the config does not ask for it. Paths
and the lightpaths on them, the columns, come first: the other parts are made of these.
"""

from __future__ import annotations

from typing import NamedTuple

from fusion.config.sections import Config
from fusion.kernel.arrays import Network
from fusion.kernel.assignment import Assignment
from fusion.kernel.protection import Protection
from fusion.kernel.records import Service
from fusion.network.planes import Plane, planes_of
from fusion.network.slots_of_links import masked, slots_of_links
from fusion.network.spectra import (
    is_separate,
    links_of_spectra,
    names_of_spectra,
    spectra_of,
)
from fusion.scenario.agent.policy import AgentPolicy, agent_policy_of
from fusion.scenario.assignment import assignment_of
from fusion.scenario.candidate_paths import Candidates, candidate_paths, candidates_of
from fusion.scenario.columns import columns_of
from fusion.scenario.conventions import Conventions, conventions_of
from fusion.scenario.failures import Failure, failure_of
from fusion.scenario.inputs import Inputs
from fusion.scenario.network_rows import Lightpaths, network_of
from fusion.scenario.policies import Policy, policy_of
from fusion.scenario.protection import protection_of
from fusion.scenario.service import service_of
from fusion.scenario.traffic import TrafficModel, traffic_of
from fusion.scenario.user_policy import UserPolicy, user_policy_of


class Scenario(NamedTuple):
    """A run without its loads. Arrays are read only by agreement.

    For the event loops: network. policy. assignment: what the spectrum is assigned by in place of a fit of
    `policy`; None: by that fit. user_policy, agent: choose in place of `policy`; None: there is none.
    service: how requests may be served beside by one lightpath of their own, and the signal quality it needs;
    None: not at all, and any. failure: of links, in each replication. protection: of connections; then
    candidates come in pairs, see `disjoint`. conventions: of the original FUSION, if a replication is to
    follow them.

    For the course of a replication: traffic. seed. num_requests: measured ones. sample_every: arrivals from
    one sample to the next.

    For what is counted, and for tables: planes. pairs: (source, destination) names. links: (from, to) names,
    one for each spectrum. link_names: of their links, where two nodes have several; else nothing. link_km:
    their lengths. link_slots: their slots in all planes, where some have fewer; else nothing. candidates: the
    paths. lightpaths: those that there may be.
    """

    network: Network
    policy: Policy
    user_policy: UserPolicy | None
    service: Service | None
    failure: Failure | None
    protection: Protection | None
    conventions: Conventions | None
    traffic: TrafficModel
    seed: int
    num_requests: int
    sample_every: int
    planes: tuple[Plane, ...]
    pairs: tuple[tuple[str, str], ...]
    links: tuple[tuple[str, str], ...]
    link_km: tuple[float, ...]
    candidates: Candidates
    lightpaths: Lightpaths
    assignment: Assignment | None = None
    link_names: tuple[str, ...] = ()
    link_slots: tuple[int, ...] = ()
    agent: AgentPolicy | None = None

    @property
    def named_links(self) -> tuple[tuple[str, str, str], ...]:
        """Of each spectrum (from, to) names and the name of its link, or nothing where its nodes name it."""
        names = self.link_names or ("",) * len(self.links)
        return tuple((*ends, name) for ends, name in zip(self.links, names, strict=True))

    @property
    def slots_per_link(self) -> int:
        """Slots of one link over all cores and bands, of one that has all of them."""
        return sum(plane.slots for plane in self.planes)


def make_scenario(config: Config, inputs: Inputs) -> Scenario:
    """Return the arrays of a run. Both arguments have been checked, so this raises nothing of its own."""
    topology, names = inputs.topology, inputs.topology.nodes
    paths = candidate_paths(config, inputs)
    planes = planes_of(config)
    links, link_km = spectra_of(config, topology)
    columns = columns_of(config, inputs.modulation, paths)
    network, lightpaths = network_of(config, inputs.modulation, paths, planes, len(links), columns)
    link_of = links_of_spectra(topology, separate=is_separate(config))
    slots = slots_of_links(topology, planes, link_of)
    if slots is not None:
        network = network._replace(spectrum=masked(network.spectrum, slots))
    assignment = assignment_of(config, network, planes, columns)
    return Scenario(
        network=network,
        policy=policy_of(config, inputs.policy),
        user_policy=user_policy_of(config, inputs.policy, network, paths, planes, columns),
        service=service_of(config, inputs, paths, planes, link_km, columns, assignment),
        failure=failure_of(config, topology),
        protection=protection_of(config, topology, paths),
        conventions=conventions_of(config, inputs, paths, planes, network, link_km),
        traffic=traffic_of(config, inputs.traffic_matrix, paths),
        seed=config.simulation_settings.seed,
        num_requests=config.general_settings.num_requests,
        sample_every=config.general_settings.frag_calc_step,
        planes=planes,
        pairs=tuple((names[source], names[destination]) for source, destination in paths.pairs),
        links=links,
        link_km=link_km,
        candidates=candidates_of(config, paths),
        lightpaths=lightpaths,
        assignment=assignment,
        link_names=names_of_spectra(config, topology),
        link_slots=() if slots is None else tuple(slots.sum(axis=0).tolist()),
        agent=agent_policy_of(config, inputs.agent, network, planes),
    )
