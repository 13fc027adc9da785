"""The sections of a configuration: every key with its type, unit, bounds, default and meaning.

The descriptions are what a person reads in a form and in the reference.
"""

import math
from collections.abc import Iterator, Mapping
from decimal import Decimal
from functools import lru_cache
from pathlib import PurePath
from typing import Annotated, Any, Literal, Self, get_args, get_origin

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from fusion.config.counts import counted
from fusion.config.failure_settings import FailureSettings, contradictions_of_failures
from fusion.config.features import refusals
from fusion.config.ini import format_value
from fusion.config.limits_as_fusion import contradictions_with_fusion
from fusion.config.section import Section
from fusion.config.values import (
    ByFormat,
    Flag,
    Integer,
    IntegerOrAuto,
    Name,
    NodeName,
    Number,
    OptionalPath,
    OptionalText,
    PolicyName,
    Shares,
    Word,
    told,
)

_MAX_LOADS = 10_000
RANGES = {
    "erlang_start": ("erlang_step", "erlang_stop", "erlang_start"),
    "bit_rate_min": ("bit_rate_step", "bit_rate_max", "bit_rate_min"),
}
"""Keys that only together make too many values, by the one whose contradiction it is."""
_MAX_BIT_RATES = 10_000
_WARMUP_HOLDING_TIMES = 20
_OF_NOISE = ("input_power", "egn_model", "phi", "snr_thresholds", "xt_noise", "snr_recheck")
_RECHECKS = ("recheck_adjacent_cores", "recheck_crossband")
QUALITY_KEYS: dict[str, tuple[str, ...]] = {
    "None": (),
    "snr_calc_nli": (*_OF_NOISE, "recheck_adjacent_cores"),
    "gsnr": (*_OF_NOISE, *_RECHECKS),
    "xt_calculation": ("requested_xt", "snr_recheck", "recheck_adjacent_cores"),
    "snr_e2e_external_resources": ("snr_thresholds", "quality_file"),
    "gnpy": (
        *("gnpy_equipment", "gnpy_transceiver", "gnpy_load", "gnpy_spectrum"),
        *("gnpy_sim_params", "gnpy_band_start", "snr_recheck"),
    ),
}
"""Keys of snr_settings that have an effect, by snr_type."""
LINK_COST_KEYS = {"nli_aware": ("beta",), "xt_aware": ("beta", "xt_type")}
"""Further keys of snr_settings that have an effect, by route_method."""
RANKING = ("cong_aware", "least_congested", "frag_aware", *LINK_COST_KEYS)
"""Routing methods that order the candidate paths anew for each request."""
NOISE_MODELS = ("snr_calc_nli", "gsnr")
"""Values of snr_type whose signal quality is computed from noise."""
ROUTE_LABELS = {
    "k_shortest_path": "ksp",
    "shortest_path": "sp",
    "cong_aware": "ca",
    "least_congested": "lc",
    "frag_aware": "fa",
    "nli_aware": "na",
    "xt_aware": "xa",
    "external_ksp": "eksp",
    "1plus1_protection": "1p1",
}
PROTECTION_LABELS = {"1plus1": "1p1", "shared_backup": "sbpp"}
FIT_LABELS = {
    "first_fit": "ff",
    "last_fit": "lf",
    "best_fit": "bf",
    "random_fit": "rf",
    "most_used": "mu",
    "least_used": "lu",
    "exact_fit": "ef",
    "mscl": "mscl",
    "first_last_fit": "flf",
    "dedicated_partition": "dp",
    "min_cuts": "mc",
    "min_misalignment": "mm",
    "min_entropy": "me",
    "priority_first": "pf",
    "priority_last": "pl",
    "xt_aware": "xa",
}
"""What the label of a policy is made of. No two policies have the same one."""
_BANDS = ("c_band", "l_band", "s_band", "o_band", "e_band")


def policy_name(route: str, fit: str, path_choice: str) -> str:
    """Return a policy as the literature writes it: KSP-FF searches path by path, FF-KSP slot by slot.

    route, fit: their labels. path_choice: in_order or all.
    """
    return (f"{route}-{fit}" if path_choice == "in_order" else f"{fit}-{route}").upper()


Slots = Annotated[int, Field(ge=0, le=10_000), Integer]
BitRate = Annotated[float, Field(gt=0, le=1_000_000), Number]
Load = Annotated[float, Field(ge=1e-6, le=1_000_000), Number]


class GeneralSettings(Section):
    """Loads, requests, modulation and the policy."""

    erlang_start: Load = Field(default=300, description="Lowest load, in Erlang.")
    erlang_stop: Load = Field(
        default=1200,
        description="Highest load, in Erlang; it is simulated only if the steps reach it exactly.",
    )
    erlang_step: Load = Field(default=300, description="Step from one load to the next, in Erlang.")
    holding_time: Annotated[float, Field(ge=1e-9, le=10**9), Number] = Field(
        default=0.2,
        description="Mean holding time of a request, in any unit of time. The arrival rate is load / "
        "holding time, so it scales the clock and does not change blocking.",
    )
    num_requests: Annotated[int, Field(ge=1, le=10**12), Integer] = Field(
        default=10_000,
        description="Measured requests of a replication, after its warm-up.",
    )
    max_iters: Annotated[int, Field(ge=1, le=100_000), Integer] = Field(
        default=10,
        description="Replications of each load; with stopping_rule = precision, the maximum number.",
    )
    request_distribution: Shares = Field(
        default={25.0: 0.1, 50.0: 0.1, 100.0: 0.5, 200.0: 0.2, 400.0: 0.1},
        json_schema_extra={"default": {"25": 0.1, "50": 0.1, "100": 0.5, "200": 0.2, "400": 0.1}},
        description="Bit rates of the requests in Gb/s, each with its probability; they sum to 1. For "
        'example {"100": 0.4, "200": 0.6}. Used with bit_rates = distribution.',
    )
    mod_assumption: Name = Field(
        default="DEFAULT",
        description="Modulation table: reach and slots of each format, by bit rate. The name of a "
        "shipped table, or of one in the file mod_assumption_path.",
    )
    mod_assumption_path: OptionalPath = Field(
        default="",
        description="JSON file with modulation tables, or CSV file of XLRON with one; empty: the shipped "
        "tables.",
    )
    guard_slots: Annotated[int, Field(ge=0, le=1000), Integer] = Field(
        default=1,
        description="Guard band: slots that are added to the width of each lightpath and carry nothing.",
    )
    route_method: Annotated[
        Literal[
            "k_shortest_path",
            "shortest_path",
            "cong_aware",
            "least_congested",
            "frag_aware",
            "nli_aware",
            "xt_aware",
            "external_ksp",
            "1plus1_protection",
        ],
        Word,
        BeforeValidator(lambda name: "cong_aware" if name == "congestion_aware" else name),
    ] = Field(
        default="k_shortest_path",
        description="Candidate paths of a node pair, and their order: the k_paths shortest (path_order "
        "defines what is short), only the shortest, or those of paths_file (external_ksp). cong_aware, "
        "least_congested, frag_aware, nli_aware and xt_aware reorder the k_paths shortest for each "
        "request: by congestion and km; by the free slots of the fullest link (of paths with at most one "
        "hop more than the minimum); by fragmentation; by km and nonlinear interference, or km and light "
        "in adjacent cores (beta, xt_type). 1plus1_protection is k_shortest_path with protection_mode = "
        "1plus1.",
    )
    allocation_method: Annotated[
        Literal[
            "first_fit",
            "last_fit",
            "best_fit",
            "random_fit",
            "most_used",
            "least_used",
            "exact_fit",
            "mscl",
            "first_last_fit",
            "dedicated_partition",
            "min_cuts",
            "min_misalignment",
            "min_entropy",
            "priority_first",
            "priority_last",
            "xt_aware",
        ],
        Word,
    ] = Field(
        default="first_fit",
        description="Slots of a lightpath: the lowest free start slot (first_fit), the highest (last_fit), "
        "the one in the smallest gap (best_fit), any at random (random_fit), the one whose slots are in "
        "use on the most or the fewest links (most_used, least_used), or the lowest gap that it fills "
        "exactly, else the lowest start slot (exact_fit). mscl takes the start that costs the path and the "
        "routes that share a link with it the fewest placements of further requests (interfering_routes, "
        "capacity_widths). first_last_fit gives low bit rates the lowest start slot and high ones the "
        "highest; dedicated_partition gives each class of bit rates slots of its own (spectrum_classes). "
        "min_cuts adds the fewest free blocks on the links of the path; min_misalignment, of equal starts, "
        "takes slots that are in use on neighbouring links; min_entropy adds the least entropy of the free "
        "blocks. priority_first and priority_last are first and "
        "last fit with the cores in an order that keeps neighbours apart; xt_aware takes the core in which "
        "the fewest lightpaths of adjacent cores use the same slots (among equals, the first in this "
        "order), with first fit in some cores and last fit in their neighbours.",
    )
    spectrum_priority: Annotated[Literal["None", "CSB", "BSC"], Word] = Field(
        default="None",
        description="Order of the search over cores and bands: BSC searches one band on every core before "
        "the next band; CSB and None search all bands of one core before the next core.",
    )
    max_segments: Annotated[int, Field(ge=1, le=100), Integer] = Field(
        default=1,
        description="Slicing: the maximum number of lightpaths, all of one lower bit rate and on one path, "
        "that carry a request for which no single lightpath fits; 1: no slicing.",
    )
    is_grooming_enabled: Annotated[bool, Flag] = Field(
        default=False,
        description="Grooming: a request first uses spare bit rate of existing lightpaths between the "
        "same nodes.",
    )
    can_partially_serve: Annotated[bool, Flag] = Field(
        default=False,
        description="With slicing or grooming: serve part of a request if there is no room for all of it; "
        "the rest counts as blocked bit rate.",
    )
    fixed_grid: Annotated[bool, Flag] = Field(
        default=False,
        description="Fixed grid: each lightpath takes one slot of bw_per_slot, a channel, in a format "
        "whose reach and channel_capacity are sufficient.",
    )
    channel_capacity: ByFormat = Field(
        default={
            "16-QAM": 600.0,
            "32-QAM": 700.0,
            "64-QAM": 800.0,
            "8-QAM": 500.0,
            "BPSK": 200.0,
            "QPSK": 400.0,
        },
        description="Bit rate in Gb/s that a channel carries in each format (fixed_grid).",
    )
    dynamic_lps: Annotated[bool, Flag] = Field(
        default=False,
        description="Dynamic lightpaths, with a snr_type. In a fixed grid a lightpath has the "
        "channel_capacity of the best format that its signal quality allows, its spare capacity can be "
        "groomed, and slices are such channels. In the flexible grid slices may have different bit rates: "
        "each takes the highest bit rate that does not exceed what remains of the request.",
    )
    frag_calc_step: Annotated[int, Field(ge=1, le=10**12), Integer] = Field(
        default=1000,
        description="Number of requests from one sample of the links' fragmentation to the next.",
    )


class TopologySettings(Section):
    """The network and its links."""

    network: Name = Field(
        default="NSFNet",
        description="Topology: the name of a shipped one, or the path of a file (node-link JSON, "
        "GraphML, GML, edge list or FUSION's tab-separated lines) with lengths in km.",
    )
    cores_per_link: Annotated[int, Field(ge=1, le=100), Integer] = Field(
        default=1,
        description="Number of cores of each link; each core has the slots of all bands.",
    )
    bw_per_slot: Annotated[float, Field(ge=1e-6, le=10_000), Number] = Field(
        default=12.5,
        description="Width of a frequency slot, in GHz.",
    )
    const_link_weight: Annotated[bool, Flag] = Field(
        default=False,
        description="Take the length of every link as 1 km, so that path lengths count hops.",
    )
    length_key: NodeName = Field(
        default="",
        description="Attribute or column of the links in the network's file that is their length in km; "
        "empty: length_km, length, distance or the like, in upper or lower case, or weight if nothing "
        "else can be the length. If several can, the program asks for this key.",
    )
    is_only_core_node: Annotated[bool, Flag] = Field(
        default=True,
        description="True: requests run between all nodes; False: only between core nodes.",
    )
    link_directions: Annotated[Literal["shared", "separate"], Word] = Field(
        default="shared",
        description="Spectrum of a link: shared: one for both directions, so that a lightpath takes its "
        "slots in both (as in FUSION); separate: one for each direction.",
    )


class RoutingSettings(Section):
    """Candidate paths, the order in which they are tried, and what policies look at."""

    k_paths: Annotated[int, Field(ge=1, le=100), Integer] = Field(
        default=3,
        description="Number of candidate paths of each pair of nodes; fewer if no more exist.",
    )
    path_order: Annotated[Literal["km", "hops", "hops_per_bit"], Word] = Field(
        default="km",
        description="Order in which the candidate paths are tried, shortest first, and what makes a path "
        "short: its km (as in FUSION), its hops, or its hops divided by the bits per symbol of the format "
        "that its length allows.",
    )
    candidate_order: Annotated[
        Literal["path_order", "km", "hops", "hops_per_bit", "link_disjoint"], Word
    ] = Field(
        default="path_order",
        description="Which paths are candidates: the first k_paths by path_order, km, hops or "
        "hops_per_bit; link_disjoint: the first by path_order, the first that shares no link with it, and "
        "so on. They are tried in the order of path_order.",
    )
    path_ties: Annotated[
        Literal["shortest", "longest", "nodes", "hash", "listed", "listed_directed"], Word
    ] = Field(
        default="shortest",
        description="Which of several paths that are equal in the order comes first. shortest: the one "
        "with the fewest hops (km, hops_per_bit) or the least km (hops), then the smaller list of node "
        "numbers; longest: the one with the most, then the smaller list; nodes: the smaller list; hash: "
        "the one with the fewest hops, then the smaller SHA-256 of path_ties_salt and the names of its "
        "nodes; listed: the one that networkx.shortest_simple_paths lists first, on a graph made in the "
        "order of the links in the file; listed_directed: the same on a directed graph, with all links in "
        "the direction of the file before those against it.",
    )
    candidate_ties: Annotated[
        Literal["path_ties", "shortest", "longest", "nodes", "hash", "listed", "listed_directed"],
        Word,
    ] = Field(
        default="path_ties",
        description="The same when candidates are chosen, which decides which path is the last candidate; "
        "path_ties: by the same rule.",
    )
    path_ties_salt: Annotated[int, Field(ge=0, le=10**9), Integer] = Field(
        default=0,
        description="Number put before the names of the nodes, which changes the hash (hash); 0: none.",
    )
    paths_file: OptionalPath = Field(
        default="",
        description="CSV file with a path on each line: the names of its nodes from source to destination "
        "(external_ksp). Paths of a node pair are in the order of the lines; a pair without any uses "
        "those of the opposite direction, or else its shortest path.",
    )
    congestion_weight: Annotated[float, Field(gt=0, le=1), Number] = Field(
        default=0.3,
        description="Weight w of congestion: a path's cost is w x the mean share of its slots in use + (1 "
        "- w) x its km / km of the pair's longest candidate (cong_aware).",
    )
    path_choice: Annotated[Literal["in_order", "all"], Word] = Field(
        default="in_order",
        description="in_order: take the first path with enough free slots (kspff); all: of all paths take "
        "the one whose slots rank best by allocation_method, such as the lowest free start slot (ffksp).",
    )
    interfering_routes: Annotated[int, Field(ge=0, le=100), Integer] = Field(
        default=1,
        description="Routes of each pair of nodes whose loss of capacity counts: the first so many of its "
        "candidate paths; 0: all of them (mscl).",
    )
    capacity_widths: Annotated[Literal["requests", "all"], Word] = Field(
        default="requests",
        description="Widths that a route has capacity for: requests: those of the bit rates in the formats "
        "of the route, each once; all: on every route every width from 1 slot to the widest (mscl).",
    )
    spectrum_classes: Annotated[int, Field(ge=2, le=100), Integer] = Field(
        default=2,
        description="Classes of requests: steps of equal size from the lowest to the highest bit rate "
        "(first_last_fit, dedicated_partition).",
    )
    policy: PolicyName = Field(
        default="",
        description="Your own policy: a Python file and a function in it, such as "
        "my_policy.py:choose, that picks path, core, band and slots of each lightpath, and with a "
        "snr_type its modulation format, or a trained agent, such as agent.onnx, instead of path_choice and "
        "allocation_method; empty: no such policy.",
    )


class SpectrumSettings(Section):
    """Slots of each band of a core; 0 for a band that is not used."""

    c_band: Slots = Field(default=320, description="Slots of the C band.")
    l_band: Slots = Field(default=0, description="Slots of the L band.")
    s_band: Slots = Field(default=0, description="Slots of the S band.")
    o_band: Slots = Field(default=0, description="Slots of the O band.")
    e_band: Slots = Field(default=0, description="Slots of the E band.")


class SnrSettings(Section):
    """Signal quality: noise and crosstalk that, with the reach, decide whether a lightpath is set up."""

    snr_type: Annotated[
        Literal[
            "None", "snr_calc_nli", "xt_calculation", "gsnr", "snr_e2e_external_resources", "gnpy"
        ],
        Word,
        BeforeValidator(lambda kind: "None" if str(kind).lower() in ("none", "") else kind),
    ] = Field(
        default="None",
        description="Model: None; snr_calc_nli (amplifier noise and nonlinear interference by the GN "
        "model, one band; a link has length / 100 km spans); gsnr (the same with whole spans; with C and "
        "L bands lit also Raman scattering); xt_calculation (crosstalk between cores); "
        "snr_e2e_external_resources (quality_file); gnpy (GNPy propagates every candidate path of its own "
        "topology, and the modes of its transceiver are the formats). The formats of a bit rate are tried "
        "from the fewest slots up, and a lightpath is set up only in one whose threshold it reaches.",
    )
    input_power: Annotated[float, Field(gt=0, le=10), Number] = Field(
        default=1e-3,
        description="Launch power of each lightpath, in W (snr_calc_nli, gsnr).",
    )
    egn_model: Annotated[bool, Flag] = Field(
        default=False,
        description="Correct the nonlinear interference for the formats of the neighbours; False: the "
        "GN model, in which all light is Gaussian noise (snr_calc_nli, gsnr).",
    )
    phi: ByFormat = Field(
        default={
            "16-QAM": 17 / 25,
            "32-QAM": 69 / 100,
            "64-QAM": 13 / 21,
            "8-QAM": 2 / 3,
            "BPSK": 1.0,
            "QPSK": 1.0,
        },
        description="phi of each format, from 0 to 1: 2 - E|a|^4 / (E|a|^2)^2 (egn_model).",
    )
    snr_thresholds: ByFormat = Field(
        default={
            "16-QAM": 13.24,
            "32-QAM": 16.16,
            "64-QAM": 19.01,
            "8-QAM": 10.84,
            "BPSK": 3.71,
            "QPSK": 6.72,
        },
        description="Lowest permitted signal-to-noise ratio of each format, in dB in the bandwidth of the "
        "lightpath (snr_calc_nli, gsnr, snr_e2e_external_resources).",
    )
    requested_xt: ByFormat = Field(
        default={"16-QAM": -36.69, "64-QAM": -41.69, "QPSK": -26.19},
        description="Crosstalk below which each format must stay, in dB (xt_calculation).",
    )
    xt_noise: Annotated[bool, Flag] = Field(
        default=False,
        description="Count the crosstalk from adjacent cores as noise (snr_calc_nli, gsnr).",
    )
    snr_recheck: Annotated[bool, Flag] = Field(
        default=False,
        description="Set up a lightpath only if the existing lightpaths that it disturbs still reach "
        "their thresholds.",
    )
    recheck_adjacent_cores: Annotated[bool, Flag] = Field(
        default=True,
        description="Also check lightpaths in adjacent cores (snr_recheck with crosstalk).",
    )
    recheck_crossband: Annotated[bool, Flag] = Field(
        default=True,
        description="Also check lightpaths in the other band (snr_recheck with C and L bands).",
    )
    beta: Annotated[float, Field(ge=0, le=1), Number] = Field(
        default=0.5,
        description="Cost of a link: beta x its km / km of the longest link + (1 - beta) x I, where I is "
        "its spans x nonlinear interference (nli_aware) or the share of adjacent cores with light "
        "(xt_aware, with_length).",
    )
    xt_type: Annotated[
        Literal["with_length", "without_length"],
        Word,
        BeforeValidator(lambda kind: "with_length" if str(kind).lower() in ("none", "") else kind),
    ] = Field(
        default="with_length",
        description="Cost of a link for xt_aware routing: with_length: weighted sum of its km and the "
        "share of adjacent cores with light (beta); without_length: this share x its spans.",
    )
    quality_file: OptionalPath = Field(
        default="",
        description="CSV file with the signal quality of each path, band and slot "
        "(snr_e2e_external_resources); its columns are described in the documentation, on the page "
        "Physical layer.",
    )
    gnpy_equipment: OptionalPath = Field(
        default="",
        description="JSON file with GNPy's equipment library: amplifiers, ROADMs, fibres, transceivers "
        "(gnpy).",
    )
    gnpy_transceiver: OptionalText = Field(
        default="",
        description="Type of transceiver in the library; its modes are the formats: a lightpath takes the "
        "slots of as many carriers as the bit rate needs, each of the mode's min_spacing rounded up (gnpy).",
    )
    gnpy_load: Annotated[Literal["full", "half", "file", "current"], Word] = Field(
        default="full",
        description="What GNPy propagates with a lightpath: full: as many carriers of its mode as fit into "
        "the band; half: every second one of these; file: gnpy_spectrum; current: nothing, and the "
        "lightpaths that are up at the moment add noise by the GN model, calibrated on GNPy's link by link "
        "(gnpy).",
    )
    gnpy_spectrum: OptionalPath = Field(
        default="",
        description="JSON file with a spectrum of GNPy (gnpy_load = file).",
    )
    gnpy_sim_params: OptionalPath = Field(
        default="",
        description="JSON file with GNPy's simulation parameters, as its option --sim-params takes it; "
        "empty: GNPy's defaults (gnpy).",
    )
    gnpy_band_start: Annotated[float, Field(ge=0, le=1000), Number] = Field(
        default=0,
        description="Frequency at which the first slot begins, in THz; 0: where the first channel of the "
        "library's SI begins, f_min - spacing / 2 (gnpy).",
    )


class TrafficSettings(Section):
    """Bit rates and holding times of requests, and the traffic between nodes."""

    bit_rates: Annotated[Literal["distribution", "uniform"], Word] = Field(
        default="distribution",
        description="Bit rate of a request: distribution: drawn from request_distribution; uniform: "
        "bit_rate_min, bit_rate_min + bit_rate_step, ... bit_rate_max, all equally likely.",
    )
    bit_rate_min: BitRate = Field(default=25, description="Lowest bit rate, in Gb/s (uniform).")
    bit_rate_max: BitRate = Field(default=100, description="Highest bit rate, in Gb/s (uniform).")
    bit_rate_step: BitRate = Field(
        default=1,
        description="Step from one bit rate to the next, in Gb/s (uniform).",
    )
    holding_distribution: Annotated[
        Literal["exponential", "deterministic", "truncated_exponential"], Word
    ] = Field(
        default="exponential",
        description="Distribution of holding times; their mean, before truncation, is holding_time. "
        "truncated_exponential redraws times above twice that mean, which reduces the load to 0.68696 of "
        "its nominal value.",
    )
    traffic_matrix: OptionalPath = Field(
        default="",
        description="CSV file with the traffic from each node (row) to each other node (column), in any "
        "unit, or with source, destination and traffic on each line; or a network of SNDlib, whose "
        "demands are used; empty: equal traffic between all pairs of nodes.",
    )


class SimulationSettings(Section):
    """Randomness, warm-up and processes."""

    # The bound is what a form in a browser still holds exactly.
    seed: Annotated[int, Field(ge=0, le=2**53 - 1), Integer] = Field(
        default=0,
        description="Seed of all random numbers; the same seed gives the same results.",
    )
    warmup_requests: IntegerOrAuto = Field(
        default="auto",
        description="Requests that fill the empty network before measuring starts, in each "
        "replication. auto: 20 mean holding times, which is 20 x load, rounded up.",
    )
    workers: Annotated[int, Field(ge=0, le=1024), Integer] = Field(
        default=0,
        description="Number of processes that simulate; 0: one per CPU. Results do not depend on it.",
    )


class CompatibilitySettings(Section):
    """The conventions of the original FUSION, for comparisons with its results."""

    conventions: Annotated[
        Literal["none", "fusion", "fusion_orchestrator"],
        Word,
        BeforeValidator(lambda kind: "none" if str(kind).lower() == "none" else kind),
    ] = Field(
        default="none",
        description="fusion: the requests, decisions and counters of the original FUSION, quirks "
        "included; fusion_orchestrator: the same with the slicing of FUSION's newer architecture, which "
        "FUSION uses with FUSION_USE_ORCHESTRATOR=1; none: those of this simulator.",
    )
    load_per_core: Annotated[bool, Flag] = Field(
        default=False,
        description="Take the load as that of each core, as FUSION's regression runs do: the arrival rate "
        "is cores x load / holding time (fusion).",
    )
    is_training: Annotated[bool, Flag] = Field(
        default=False,
        description="FUSION's switch in [rl_settings]: do not stop early at the precision of 5 %, and "
        "write no intervals into its file (fusion).",
    )
    pre_calc_mod_selection: Annotated[bool, Flag] = Field(
        default=False,
        description="FUSION's switch in [general_settings]: try a path only with the one format that its "
        "length calls for, instead of all formats in reach (fusion).",
    )
    save_start_end_slots: Annotated[bool, Flag] = Field(
        default=False,
        description="FUSION's switch in [general_settings]: its file lists the slots of every lightpath "
        "(fusion).",
    )
    k_paths_in_file: Annotated[int, Field(ge=0, le=100), Integer] = Field(
        default=0,
        description="FUSION's k_paths where it is not the number of candidate paths: as given with "
        "route_method = shortest_path; 1 where FUSION's file has none (there are then 3 paths). "
        "path_index_list has this many entries, and can_partially_serve has an effect from this path on; "
        "0: k_paths (fusion).",
    )


class ProtectionSettings(Section):
    """A backup for each connection, and how long recovery takes."""

    protection_mode: Annotated[
        Literal["none", "1plus1", "shared_backup"],
        Word,
        BeforeValidator(lambda mode: "none" if str(mode).lower() == "none" else mode),
    ] = Field(
        default="none",
        description="Backup of a connection: none; 1plus1: a backup with its own slots; shared_backup: a "
        "backup that may share slots with other backups, as long as no single failure needs both. A "
        "request takes the first of its k_paths pairs of disjoint paths on which both lightpaths fit, or "
        "another pair if route_method or path_choice says so.",
    )
    disjointness_type: Annotated[Literal["link", "node"], Word] = Field(
        default="link",
        description="link: working path and backup have no link in common; node: no node except their "
        "ends.",
    )
    backup_slots: Annotated[Literal["own", "same"], Word] = Field(
        default="own",
        description="Slots of a backup: own: any, in the format that its path allows; same: those of the "
        "working lightpath, in a format whose reach covers both paths, as for one signal that is split "
        "(1plus1).",
    )
    revert_to_primary: Annotated[bool, Flag] = Field(
        default=False,
        description="Return to the working path when it is repaired; must be True with shared backups.",
    )
    protection_switchover_ms: Annotated[float, Field(ge=0, le=10**9), Number] = Field(
        default=50,
        description="Nominal time of switching to the backup, in ms.",
    )
    restoration_latency_ms: Annotated[float, Field(ge=0, le=10**9), Number] = Field(
        default=100,
        description="Nominal time of rerouting an interrupted connection, in ms.",
    )
    signalling_ms_per_km: Annotated[float, Field(ge=0, le=10**6), Number] = Field(
        default=0.005,
        description="Time to notify the source of a failure and to set up the new path or the shared "
        "backup, in ms per km of the path from the failed link to the source and of that new path or "
        "backup.",
    )


class StatisticsSettings(Section):
    """Confidence intervals, and when to stop."""

    stopping_rule: Annotated[Literal["fixed", "precision"], Word] = Field(
        default="fixed",
        description="Number of replications of a load: fixed: max_iters; precision: until the interval of "
        "the blocking probability is narrow enough.",
    )
    confidence: Annotated[float, Field(ge=0.5, le=0.9999), Number] = Field(
        default=0.95,
        description="Confidence level of the intervals. Where nothing was blocked, tables show an upper "
        "bound with <: -ln(1 - confidence) * 12 / requests. Blocked requests come in clusters, of up to 12 "
        "on average, so no blocked request in so many is weaker evidence than it would be with independent "
        "requests.",
    )
    relative_precision: Annotated[float, Field(ge=0.0001, le=1), Number] = Field(
        default=0.05,
        description="Half-width of the interval, relative to the mean, at which to stop (precision).",
    )
    absolute_precision: Annotated[float, Field(ge=0, le=1), Number] = Field(
        default=0,
        description="Half-width of the interval at which to stop as well, however small the mean is "
        "(precision); 0: only relative_precision decides.",
    )
    min_replications: Annotated[int, Field(ge=10, le=100_000), Integer] = Field(
        default=10,
        description="Number of replications before the precision is first tested (precision).",
    )
    look_ahead: Annotated[int, Field(ge=0, le=1000), Integer] = Field(
        default=5,
        description="Number of further replications during which the precision must hold, so that a lucky "
        "early stop is rare (precision).",
    )


class Config(BaseModel):
    """All that determines a run: one attribute for each section of the INI file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    general_settings: GeneralSettings = Field(default_factory=GeneralSettings)
    topology_settings: TopologySettings = Field(default_factory=TopologySettings)
    routing_settings: RoutingSettings = Field(default_factory=RoutingSettings)
    spectrum_settings: SpectrumSettings = Field(default_factory=SpectrumSettings)
    snr_settings: SnrSettings = Field(default_factory=SnrSettings)
    traffic_settings: TrafficSettings = Field(default_factory=TrafficSettings)
    simulation_settings: SimulationSettings = Field(default_factory=SimulationSettings)
    statistics_settings: StatisticsSettings = Field(default_factory=StatisticsSettings)
    failure_settings: FailureSettings = Field(default_factory=FailureSettings)
    compatibility_settings: CompatibilitySettings = Field(default_factory=CompatibilitySettings)
    protection_settings: ProtectionSettings = Field(default_factory=ProtectionSettings)

    @property
    def loads(self) -> tuple[float, ...]:
        """Return the offered loads in Erlang, ascending, exact for decimal steps."""
        general = self.general_settings
        return _steps(general.erlang_start, general.erlang_stop, general.erlang_step)

    @property
    def policy(self) -> str:
        """Return the label of routing x allocation_method, such as kspff or ffksp (path_choice = all).

        Of a policy of the user's it is file and function, of a trained agent its file.
        """
        if user_policy := self.routing_settings.policy:
            return PurePath(user_policy).name
        fit = FIT_LABELS[self.general_settings.allocation_method]
        method = self.general_settings.route_method
        route = ROUTE_LABELS[method]
        if backup := PROTECTION_LABELS.get(self.protection_settings.protection_mode):
            searched = method in ("k_shortest_path", "shortest_path", "1plus1_protection")
            route = backup if searched else f"{backup}{route}"
        return (
            f"{route}{fit}" if self.routing_settings.path_choice == "in_order" else f"{fit}{route}"
        )

    @property
    def bit_rate_shares(self) -> dict[float, float]:
        """Return bit rate in Gb/s -> probability, ascending, without those of probability 0."""
        traffic = self.traffic_settings
        if traffic.bit_rates == "uniform":
            rates = _steps(traffic.bit_rate_min, traffic.bit_rate_max, traffic.bit_rate_step)
            return dict.fromkeys(rates, 1 / len(rates))
        shares = self.general_settings.request_distribution
        return {rate: share for rate, share in shares.items() if share > 0}

    def warmup_requests(self, load: float) -> int:
        """Return the requests of a replication at a load (Erlang) that are not measured."""
        warmup = self.simulation_settings.warmup_requests
        if self.compatibility_settings.conventions != "none":
            return 0
        if warmup == "auto":
            return math.ceil(_WARMUP_HOLDING_TIMES * _decimal(load))
        return warmup

    @model_validator(mode="after")
    def _agree(self) -> Self:
        found = [f"[{HOME[key]}] {key} {text}" for key, text in contradictions(flat(self))]
        if found:
            raise told("\n".join(found))
        return self


SECTIONS: dict[str, type[Section]] = {
    "general_settings": GeneralSettings,
    "topology_settings": TopologySettings,
    "routing_settings": RoutingSettings,
    "spectrum_settings": SpectrumSettings,
    "snr_settings": SnrSettings,
    "traffic_settings": TrafficSettings,
    "simulation_settings": SimulationSettings,
    "statistics_settings": StatisticsSettings,
    "failure_settings": FailureSettings,
    "compatibility_settings": CompatibilitySettings,
    "protection_settings": ProtectionSettings,
}
HOME = {key: name for name, section in SECTIONS.items() for key in section.model_fields}
"""Section of each key; no key is in two."""
DEFAULTS = {
    key: field.default
    for section in SECTIONS.values()
    for key, field in section.model_fields.items()
}
"""Default of each key."""
CHOICES: dict[str, tuple[object, ...]] = {
    key: get_args(field.annotation)
    for section in SECTIONS.values()
    for key, field in section.model_fields.items()
    if get_origin(field.annotation) is Literal
}
"""The values of each key that names one of some."""


def flat(config: Config) -> dict[str, Any]:
    """Return key -> value of all sections."""
    values: dict[str, Any] = {}
    for section in SECTIONS:
        values |= vars(getattr(config, section))
    return values


def contradictions(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield (key, message) for values that are right by themselves but not together.

    values: key -> value; a key that is missing (being wrong by itself) is in no contradiction.
    """

    def known(*keys: str) -> bool:
        return all(key in values for key in keys)

    if known("erlang_start", "erlang_stop", "erlang_step"):
        start, stop, step = (values[f"erlang_{end}"] for end in ("start", "stop", "step"))
        if stop < start:
            yield "erlang_stop", f"must be at least erlang_start = {start:g}"
        elif (stop - start) / step >= _MAX_LOADS:
            yield _too_many(
                values, ("erlang_start", "erlang_stop", "erlang_step"), "load", _MAX_LOADS
            )
    if known("bit_rates", "bit_rate_min", "bit_rate_max", "bit_rate_step") and (
        values["bit_rates"] == "uniform"
    ):
        lowest, highest, step = (values[f"bit_rate_{end}"] for end in ("min", "max", "step"))
        if lowest > highest:
            yield "bit_rate_max", f"must be at least bit_rate_min = {lowest:g}"
        elif (highest - lowest) / step >= _MAX_BIT_RATES:
            of_rates = ("bit_rate_min", "bit_rate_max", "bit_rate_step")
            yield _too_many(values, of_rates, "bit rate", _MAX_BIT_RATES)
        elif (_decimal(highest) - _decimal(lowest)) % _decimal(step):
            message = f"must divide bit_rate_max - bit_rate_min = {highest - lowest:g}"
            yield "bit_rate_step", message
    if known(*_BANDS):
        most = max(values[band] for band in _BANDS)
        if most == 0:
            yield "c_band", "must not be 0 if all other bands are 0"
        elif known("guard_slots") and values["guard_slots"] >= most:
            message = f"must be less than the slots of the largest band, {most}, or nothing fits"
            yield "guard_slots", message
    if known("route_method", "k_paths") and (
        values["route_method"] == "shortest_path" and values["k_paths"] != 1
    ):
        yield "k_paths", "must be 1 with route_method = shortest_path"
    if known("route_method", "path_order") and (
        values["route_method"] == "least_congested" and values["path_order"] != "hops"
    ):
        yield "path_order", "must be hops with route_method = least_congested"
    if known("route_method", "paths_file"):
        external = values["route_method"] == "external_ksp"
        # By FUSION's conventions the paths are FUSION's.
        if external and not values["paths_file"] and values.get("conventions", "none") == "none":
            yield "paths_file", "must name a file with route_method = external_ksp"
        if values["paths_file"] and not external:
            yield "paths_file", "is only read with route_method = external_ksp"
    if known("path_ties", "candidate_ties") and (
        values["path_ties"] in ("listed", "listed_directed")
        and values["candidate_ties"] not in ("path_ties", values["path_ties"])
    ):
        message = "must be path_ties, as the candidates are tried in the order in which networkx lists them"
        yield "candidate_ties", f"{message} (path_ties = {values['path_ties']})"
    yield from _contradictions_of_protection(values)
    if known("snr_type", "quality_file") and (
        values["quality_file"] and values["snr_type"] != "snr_e2e_external_resources"
    ):
        yield "quality_file", "is only read with snr_type = snr_e2e_external_resources"
    if values.get("snr_type") == "snr_e2e_external_resources" and (
        values.get("quality_file") == ""
    ):
        yield "quality_file", "must name a file with snr_type = snr_e2e_external_resources"
    yield from _contradictions_of_gnpy(values)
    if values.get("dynamic_lps") and values.get("snr_type") == "None":
        yield (
            "dynamic_lps",
            "must be False with snr_type = None: it needs a model of signal quality",
        )
    if values.get("failure_type", "none") != "none":
        yield from contradictions_of_failures(values)
    yield from contradictions_with_fusion(values)
    yield from refusals(values, CHOICES)
    if known("stopping_rule", "min_replications", "max_iters") and (
        values["stopping_rule"] == "precision" and values["min_replications"] > values["max_iters"]
    ):
        message = f"must be at most max_iters = {values['max_iters']} (stopping_rule = precision)"
        yield "min_replications", message


def _too_many(
    values: Mapping[str, Any], keys: tuple[str, str, str], noun: str, most: int
) -> tuple[str, str]:
    """Return the contradiction of a first and a last value and the step, which make too many.

    It is that of the first: see `RANGES`.
    """
    first, last, step = (values[key] for key in keys)
    count = int((last - first) / step) + 1
    given = ", ".join(f"{key} = {format_value(values[key])}" for key in keys)
    return keys[0], f"{given} make {counted(count, noun)}; at most {most:,} are allowed"


def _contradictions_of_gnpy(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if "snr_type" not in values:
        return
    files = ("gnpy_equipment", "gnpy_transceiver", "gnpy_spectrum", "gnpy_sim_params")
    if values["snr_type"] != "gnpy":
        for key in files:
            if values.get(key):
                yield key, "is only read with snr_type = gnpy: leave it out, or empty"
        return
    for key, what in zip(files[:2], ("a file", "a type of transceiver"), strict=True):
        if values.get(key) == "":
            yield key, f"must name {what} with snr_type = gnpy"
    if values.get("dynamic_lps"):
        yield "dynamic_lps", "must be False with snr_type = gnpy: a mode has one bit rate"
    if {"gnpy_load", "gnpy_spectrum"} <= values.keys():
        if values["gnpy_load"] == "file" and not values["gnpy_spectrum"]:
            yield "gnpy_spectrum", "must name a file with gnpy_load = file"
        elif values["gnpy_load"] != "file" and values["gnpy_spectrum"]:
            yield "gnpy_spectrum", "is only read with gnpy_load = file"


def _contradictions_of_protection(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    mode = values.get("protection_mode")
    if values.get("route_method") == "1plus1_protection" and mode not in (None, "1plus1"):
        yield "protection_mode", "must be 1plus1 with route_method = 1plus1_protection"
    elif mode == "shared_backup":
        told = f"with protection_mode = {mode}"
        if values.get("revert_to_primary") is False:
            yield "revert_to_primary", f"must be True {told}: the backup is not theirs alone"
        if values.get("backup_slots") == "same":
            yield "backup_slots", f"must be own {told}"


@lru_cache(maxsize=256)
def _steps(start: float, stop: float, step: float) -> tuple[float, ...]:
    first, width = _decimal(start), _decimal(step)
    count = int((_decimal(stop) - first) // width) + 1
    return tuple(float(first + width * index) for index in range(count))


def _decimal(value: float) -> Decimal:
    return Decimal(repr(float(value)))
