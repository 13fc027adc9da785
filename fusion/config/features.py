"""Which features go together: the features of a configuration, and one table of those that do not.

What is not in the table goes together. What a single feature needs of other keys (a file, a bound) stands
where these keys are checked. docs/features.md is made from this file.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from itertools import product
from typing import Any, NamedTuple

from fusion.config.named_files import names_agent

Values = Mapping[str, Any]
Keys = tuple[str, ...]


class Feature(NamedTuple):
    """An option of the simulator that may not go with every other.

    found: the values of a configuration (key -> value; one that is wrong by itself is missing) -> the keys
    that switch the feature on, which messages name. examples: ways to switch it on, each with what it needs;
    a file in them is one of the user's. must: what a message asks for in place of the feature; nothing: the
    values that its key may have. told: the feature where another is refused with it; nothing: key = value.
    """

    title: str
    found: Callable[[Values], Keys]
    examples: tuple[Mapping[str, object], ...]
    must: str = ""
    told: str = ""


def _is(key: str, *values: object) -> Callable[[Values], Keys]:
    return lambda given: (key,) if given.get(key) in values else ()


def _is_not(key: str, off: object) -> Callable[[Values], Keys]:
    return lambda given: (key,) if given.get(key, off) != off else ()


def _is_none_of(key: str, *values: object) -> Callable[[Values], Keys]:
    return lambda given: (key,) if given.get(key, values[0]) not in values else ()


def _above(key: str, most: int) -> Callable[[Values], Keys]:
    return lambda given: (key,) if given.get(key, most) > most else ()


def _without_policy(found: Callable[[Values], Keys]) -> Callable[[Values], Keys]:
    """Return the same of keys in whose place a policy of the user's decides."""
    return lambda given: () if given.get("policy") else found(given)


def _if(key: str, off: object, found: Callable[[Values], Keys]) -> Callable[[Values], Keys]:
    """Return the same of keys that are read only where another is not off."""
    return lambda given: found(given) if given.get(key, off) != off else ()


def _in_part(given: Values) -> Keys:
    serves = given.get("max_segments", 1) > 1 or given.get("is_grooming_enabled")
    return ("can_partially_serve",) if serves and given.get("can_partially_serve") else ()


def _paths_of_fusion(given: Values) -> Keys:
    return _if("conventions", "none", _is("route_method", "external_ksp"))(given)


def _other_candidates(given: Values) -> Keys:
    same = "path_order", given.get("path_order")
    return ("candidate_order",) if given.get("candidate_order", same[0]) not in same else ()


def _other_ties(given: Values) -> Keys:
    return (
        *_is_not("path_ties", "shortest")(given),
        *(("candidate_ties",) if _candidate_ties(given) != given.get("path_ties") else ()),
    )


def _listed(given: Values) -> Keys:
    listed = _is("path_ties", *_LISTED)(given) or _is("candidate_ties", *_LISTED)(given)
    return listed if _candidate_ties(given) in _LISTED else ()


def _candidate_ties(given: Values) -> object:
    same = given.get("path_ties")
    ties = given.get("candidate_ties", "path_ties")
    return same if ties == "path_ties" else ties


def _not_of_links(given: Values) -> Keys:
    key = "candidate_order"
    if given.get(key, "path_order") == "path_order":
        key = "path_order"
    return _is(key, "hops_per_bit", "link_disjoint")(given)


def _protected(given: Values) -> Keys:
    return (
        *_is_not("protection_mode", "none")(given),
        *_is("route_method", "1plus1_protection")(given),
    )


def _lit(*bands: str) -> Callable[[Values], Keys]:
    return lambda given: tuple(band for band in bands if given.get(band))


def _c_and_l(given: Values) -> Keys:
    return ("l_band",) if given.get("c_band") and given.get("l_band") else ()


def _agent(given: Values) -> Keys:
    return ("policy",) if names_agent(str(given.get("policy", ""))) else ()


def _never(_: Values) -> Keys:
    return ()


_LINK = {"failure_type": "link", "failed_link_src": "A", "failed_link_dst": "B"}
_LINK |= {"t_fail_arrival_index": "50", "t_repair_after_arrivals": "50"}
_FROM_FILE = {"snr_type": "snr_e2e_external_resources", "quality_file": "my_quality.csv"}
_BY_GNPY = {
    "snr_type": "gnpy",
    "network": "my_gnpy_network.json",
    "gnpy_equipment": "my_equipment.json",
    "gnpy_transceiver": "my transceiver",
}
_LISTED = ("listed", "listed_directed")
_FITS_OF_FUSION = ("first_fit", "priority_first", "xt_aware")
"""Those that work there. One that is added here is not among them."""
_ASSIGNED = (
    *("mscl", "first_last_fit", "dedicated_partition"),
    *("min_cuts", "min_misalignment", "min_entropy"),
)

FEATURES: dict[str, Feature] = {
    "policy": Feature(
        "your own policy",
        lambda given: () if _agent(given) else _is_not("policy", "")(given),
        ({"policy": "my_policy.py:choose"},),
        must="is not available",
    ),
    "agent": Feature(
        "a trained agent",
        _agent,
        ({"policy": "my_agent.safetensors"},),
        must="must not be an agent",
    ),
    "congestion": Feature(
        "routing by congestion",
        _is("route_method", "cong_aware"),
        ({"route_method": "cong_aware"},),
    ),
    "free slots": Feature(
        "routing by the free slots of the fullest link, or by fragmentation",
        _is("route_method", "least_congested", "frag_aware"),
        (
            {"route_method": "least_congested", "path_order": "hops"},
            {"route_method": "frag_aware"},
        ),
    ),
    "impairments": Feature(
        "impairment-aware routing",
        _is("route_method", "nli_aware", "xt_aware"),
        ({"route_method": "nli_aware"}, {"route_method": "xt_aware", "cores_per_link": 7}),
    ),
    "given paths": Feature(
        "routing on given paths",
        _is("route_method", "external_ksp"),
        ({"route_method": "external_ksp", "paths_file": "my_paths.csv"},),
    ),
    "file of paths": Feature(
        "a file of paths",
        _is_not("paths_file", ""),
        ({"route_method": "external_ksp", "paths_file": "my_paths.csv"},),
        must="must be empty",
    ),
    "FUSION's paths": Feature(
        "the paths that FUSION takes for external_ksp",
        _paths_of_fusion,
        ({"route_method": "external_ksp", "conventions": "fusion"},),
    ),
    "by hops": Feature(
        "paths ordered by hops", _is("path_order", "hops"), ({"path_order": "hops"},)
    ),
    "by hops per bit": Feature(
        "paths ordered by hops per bit",
        _is("path_order", "hops_per_bit"),
        ({"path_order": "hops_per_bit"},),
    ),
    "other candidates": Feature(
        "candidates by another order than that in which they are tried",
        _other_candidates,
        ({"candidate_order": "hops"}, {"candidate_order": "link_disjoint"}),
    ),
    "other ties": Feature(
        "another rule for ties between paths",
        _other_ties,
        ({"path_ties": "hash"}, {"path_ties": "longest", "candidate_ties": "nodes"}),
    ),
    "listed ties": Feature(
        "ties between paths as networkx lists them",
        _listed,
        (
            {"path_ties": "listed"},
            {"path_ties": "hash", "candidate_ties": "listed_directed"},
        ),
    ),
    "not of links": Feature(
        "candidates by what is not a sum over links",
        _not_of_links,
        (
            {"path_order": "hops_per_bit"},
            {"candidate_order": "hops_per_bit"},
            {"candidate_order": "link_disjoint"},
        ),
    ),
    "all paths": Feature(
        "the best of all paths",
        _without_policy(_is("path_choice", "all")),
        ({"path_choice": "all"},),
    ),
    "other fit": Feature(
        "an allocation method other than first fit: last, best, random or exact fit, by use",
        _without_policy(_is_none_of("allocation_method", *_FITS_OF_FUSION)),
        ({"allocation_method": "best_fit"}, {"allocation_method": "priority_last"}),
    ),
    "random fit": Feature(
        "random fit",
        _without_policy(_is("allocation_method", "random_fit")),
        ({"allocation_method": "random_fit"},),
    ),
    "assigned": Feature(
        "spectrum by lost capacity, by classes of requests, or by the blocks that are split",
        _without_policy(_is("allocation_method", *_ASSIGNED)),
        (
            {"allocation_method": "mscl"},
            {"allocation_method": "first_last_fit"},
            {"allocation_method": "min_misalignment"},
        ),
    ),
    "least crosstalk": Feature(
        "the core with the least crosstalk",
        _without_policy(_is("allocation_method", "xt_aware")),
        (
            {"allocation_method": "xt_aware", "cores_per_link": 7},
            {"allocation_method": "xt_aware"},
        ),
    ),
    "slicing": Feature(
        "slicing",
        _above("max_segments", 1),
        ({"max_segments": 2},),
        must="must be 1",
        told="max_segments above 1",
    ),
    "grooming": Feature(
        "grooming",
        _is("is_grooming_enabled", True),
        ({"is_grooming_enabled": True},),
        must="must be False",
    ),
    "in part": Feature(
        "partial service",
        _in_part,
        (
            {"can_partially_serve": True, "max_segments": 2},
            {"can_partially_serve": True, "is_grooming_enabled": True},
        ),
        must="must be False",
    ),
    "fixed grid": Feature(
        "a fixed grid", _is("fixed_grid", True), ({"fixed_grid": True},), must="must be False"
    ),
    "dynamic": Feature(
        "dynamic lightpaths",
        _is("dynamic_lps", True),
        (
            {"dynamic_lps": True, "snr_type": "gsnr"},
            {"dynamic_lps": True, "snr_type": "snr_calc_nli"},
            {"dynamic_lps": True, "snr_type": "xt_calculation", "cores_per_link": 7},
        ),
        must="must be False",
    ),
    "quality": Feature(
        "signal quality, by any model",
        _is_not("snr_type", "None"),
        (
            {"snr_type": "snr_calc_nli"},
            {"snr_type": "gsnr"},
            {"snr_type": "xt_calculation", "cores_per_link": 7},
            _FROM_FILE,
        ),
    ),
    "noise of one band": Feature(
        "signal quality by noise, in one band",
        _is("snr_type", "snr_calc_nli"),
        ({"snr_type": "snr_calc_nli"},),
    ),
    "noise": Feature(
        "signal quality by noise, in the C and L bands",
        _is("snr_type", "gsnr"),
        ({"snr_type": "gsnr"},),
    ),
    "crosstalk": Feature(
        "signal quality by crosstalk",
        _is("snr_type", "xt_calculation"),
        ({"snr_type": "xt_calculation", "cores_per_link": 7},),
    ),
    "file of quality": Feature(
        "signal quality from a file",
        _is("snr_type", "snr_e2e_external_resources"),
        (_FROM_FILE,),
    ),
    "GNPy": Feature(
        "signal quality by GNPy's propagation",
        _is("snr_type", "gnpy"),
        (_BY_GNPY, {**_BY_GNPY, "gnpy_load": "current", "snr_recheck": True}),
    ),
    "recheck": Feature(
        "a re-check of the neighbours' signal quality",
        _is("snr_recheck", True),
        ({"snr_recheck": True, "snr_type": "gsnr"},),
        must="must be False",
    ),
    "cores": Feature(
        "several cores",
        _above("cores_per_link", 1),
        ({"cores_per_link": 7},),
        must="must be 1",
    ),
    "C and L": Feature(
        "C and L bands",
        _c_and_l,
        ({"c_band": 40, "l_band": 40},),
        must="must be 0",
    ),
    "other bands": Feature(
        "S, O or E band",
        _lit("s_band", "o_band", "e_band"),
        ({"s_band": 40}, {"o_band": 40, "e_band": 40}),
        must="must be 0",
    ),
    "directions": Feature(
        "a separate spectrum for each direction",
        _is("link_directions", "separate"),
        ({"link_directions": "separate"},),
    ),
    "protection": Feature(
        "a backup for each connection",
        _protected,
        (
            {"protection_mode": "1plus1"},
            {"protection_mode": "1plus1", "route_method": "1plus1_protection"},
        ),
    ),
    "shared backup": Feature(
        "a backup that shares slots",
        _is("protection_mode", "shared_backup"),
        ({"protection_mode": "shared_backup", "revert_to_primary": True},),
    ),
    "failures": Feature(
        "failures",
        _is_not("failure_type", "none"),
        (_LINK, {"failure_type": "random", "mtbf": 1000, "mtbf_of": "link", "mttr": 1}),
    ),
    "rerouting": Feature(
        "restoration by rerouting",
        _if("failure_type", "none", _is("restoration", "reroute")),
        ({**_LINK, "restoration": "reroute"},),
    ),
    "waiting": Feature(
        "restoration by waiting for the repair",
        _if("failure_type", "none", _is("restoration", "wait")),
        ({**_LINK, "restoration": "wait"},),
    ),
    "bit rates": Feature(
        "equally likely bit rates",
        _is("bit_rates", "uniform"),
        ({"bit_rates": "uniform", "bit_rate_min": 50, "bit_rate_max": 100, "bit_rate_step": 50},),
    ),
    "holding times": Feature(
        "holding times that are not exponential",
        _is_not("holding_distribution", "exponential"),
        (
            {"holding_distribution": "deterministic"},
            {"holding_distribution": "truncated_exponential"},
        ),
    ),
    "traffic matrix": Feature(
        "a traffic matrix",
        _is_not("traffic_matrix", ""),
        ({"traffic_matrix": "my_matrix.csv"},),
        must="must be empty",
    ),
    "precision": Feature(
        "stopping at a precision",
        _is("stopping_rule", "precision"),
        ({"stopping_rule": "precision"},),
    ),
    "fusion": Feature(
        "the conventions of the original FUSION",
        _is_not("conventions", "none"),
        ({"conventions": "fusion"},),
    ),
    "orchestrator": Feature(
        "the conventions of FUSION's newer slicing",
        _is("conventions", "fusion_orchestrator"),
        ({"conventions": "fusion_orchestrator"},),
    ),
    "learners": Feature(
        "reinforcement-learning environments",
        _never,
        ({},),
        told="a reinforcement-learning environment",
    ),
    "splitting": Feature("importance splitting", _never, ({},), told="importance splitting"),
    "bounds": Feature("bounds on blocking", _never, ({},), told="a bound on blocking"),
}
"""What a configuration may have, by a short name."""

USES = ("learners", "splitting", "bounds")
"""Features that no key switches on: ways to use a configuration."""

_IN_THEIR_ORDER = "an agent sees the paths in the order in which they are listed"
_ORDERS = "it ranks the paths, and the first with enough free slots is taken"
_ONE_BACKUP = "a backup protects a connection with one lightpath of its own"
_PAIRS_HAVE_THEIRS = "candidates are pairs of paths, which have an order of their own"
_TWO_BANDS = "that model supports only the C and L bands"
_PLAIN = "its event loop gives each request exactly one lightpath"
_BLIND = "its event loop does not track where light is"
_ITS_OWN = "it takes each request to have one lightpath of its own"
_CRASHES = "FUSION crashes with it; without the conventions it works"

REFUSED: dict[tuple[str, ...], str] = {
    ("agent", "congestion"): _IN_THEIR_ORDER,
    ("agent", "free slots"): _IN_THEIR_ORDER,
    ("agent", "impairments"): _IN_THEIR_ORDER,
    ("agent", "grooming"): "spare capacity would serve a request before a path is chosen",
    ("agent", "protection"): "an action selects one path, but a protected connection needs two",
    ("agent", "fusion"): "they fix the decisions that an agent is to make",
    ("agent", "learners"): "there another agent makes the decisions",
    ("agent", "splitting"): "its event loop supports only the built-in policies",
    #
    ("policy", "protection"): "a policy places one lightpath, but protection needs two",
    ("policy", "learners"): "there the agent makes the decisions",
    ("policy", "splitting"): "its event loop supports only the built-in policies",
    #
    ("all paths", "congestion"): _ORDERS,
    ("all paths", "free slots"): _ORDERS,
    ("all paths", "impairments"): _ORDERS,
    ("all paths", "least crosstalk"): "it compares the cores of one path",
    (
        "all paths",
        "random fit",
        "quality",
    ): "candidates are ranked by a score, and random fit has none",
    #
    (
        "by hops per bit",
        "protection",
    ): "a format belongs to one path, but candidates are pairs of paths",
    ("other candidates", "protection"): _PAIRS_HAVE_THEIRS,
    (
        "other ties",
        "protection",
    ): "the search for a pair of disjoint paths gives one of equal pairs, and not all to choose from",
    (
        "listed ties",
        "not of links",
    ): "networkx lists paths by km or hops",
    ("slicing", "protection"): _ONE_BACKUP,
    ("grooming", "protection"): _ONE_BACKUP,
    (
        "assigned",
        "protection",
    ): "it weighs one lightpath, but a protected connection needs two",
    (
        "assigned",
        "quality",
    ): "it compares starts of one width, but formats of several widths are tried",
    (
        "assigned",
        "impairments",
    ): "the loop that tracks where light is has no such assignment",
    #
    ("C and L", "noise of one band"): "that model supports one band; gsnr supports both",
    ("other bands", "noise of one band"): _TWO_BANDS,
    ("other bands", "noise"): _TWO_BANDS,
    ("cores", "GNPy"): "a fibre of GNPy has one core",
    (
        "C and L",
        "GNPy",
    ): "the slots of one band are propagated; c_band may be as wide as the amplifiers",
    (
        "other bands",
        "GNPy",
    ): "the slots of one band are propagated; c_band may be as wide as the amplifiers",
    (
        "fixed grid",
        "GNPy",
    ): "a carrier takes the spacing of its mode; bw_per_slot = 50 makes slots of 50 GHz",
    #
    ("policy", "fusion"): "FUSION has no policies from a file",
    ("free slots", "fusion"): _CRASHES,
    (
        "impairments",
        "fusion",
    ): "FUSION crashes with nli_aware, and with xt_aware takes a path that is not among "
    "the candidates; without the conventions they work",
    ("file of paths", "fusion"): "FUSION has its own paths",
    ("file of quality", "fusion"): "FUSION's files of signal quality are not available",
    ("GNPy", "fusion"): "FUSION does not know GNPy",
    ("by hops", "fusion"): "FUSION has no other order",
    ("by hops per bit", "fusion"): "FUSION has no other order",
    ("other candidates", "fusion"): "FUSION has no other order",
    ("other ties", "fusion"): "FUSION takes paths as networkx lists them, by km",
    ("all paths", "fusion"): "FUSION takes the first path with enough free slots",
    (
        "other fit",
        "fusion",
    ): "FUSION's other methods crash or block every request; without the conventions they work",
    (
        "cores",
        "least crosstalk",
        "fusion",
    ): "with 2 to 5 cores FUSION crashes, and with 7 a hundred requests "
    "take it minutes; without the conventions it works",
    ("recheck", "fusion"): _CRASHES,
    ("dynamic", "noise of one band", "fusion"): "FUSION crashes; with gsnr it works",
    ("dynamic", "crosstalk", "fusion"): "FUSION crashes; with gsnr it works",
    ("directions", "fusion"): "in FUSION a lightpath takes its slots in both directions",
    ("protection", "fusion"): "FUSION crashes or protects nothing",
    ("failures", "fusion"): "FUSION crashes with every failure_type",
    ("bit rates", "fusion"): "FUSION draws bit rates by quota",
    ("holding times", "fusion"): "FUSION has no other distribution",
    ("traffic matrix", "fusion"): "in FUSION all pairs of nodes have equal traffic",
    ("precision", "fusion"): "FUSION has its own rule; is_training = True switches it off",
    ("congestion", "orchestrator"): "FUSION blocks every request",
    ("quality", "orchestrator"): "this was not compared with FUSION; conventions = fusion has it",
    ("grooming", "orchestrator"): "this was not compared with FUSION; conventions = fusion has it",
    #
    (
        "grooming",
        "learners",
    ): "spare capacity would serve a request before a path is chosen",
    ("protection", "learners"): "an action selects one path, but a protected connection needs two",
    ("fusion", "learners"): "they fix the decisions that an agent is to make",
    #
    ("impairments", "splitting"): _BLIND,
    ("least crosstalk", "splitting"): _BLIND,
    ("quality", "splitting"): "its event loop has no signal quality",
    ("slicing", "splitting"): _PLAIN,
    ("grooming", "splitting"): _PLAIN,
    ("protection", "splitting"): _PLAIN,
    (
        "failures",
        "splitting",
    ): "trajectories are copied, and the times of failures are not",
    ("fusion", "splitting"): "their event loop cannot copy the state of a network",
    #
    ("slicing", "bounds"): _ITS_OWN,
    ("grooming", "bounds"): _ITS_OWN,
    ("dynamic", "bounds"): _ITS_OWN,
    ("protection", "bounds"): "it counts one path for each request",
    ("failures", "bounds"): "it takes every link to be up",
    ("fusion", "bounds"): "FUSION has requests of its own",
}
"""Features that are not available together, most of them pairs -> why. Messages name the key of the first."""


_MOST_CHOICES = 4
"""Values that a message lists; of more it says which is wrong."""


def features_of(values: Values) -> dict[str, Keys]:
    """Return the features that are on, each with the keys that switch it on."""
    return {name: keys for name, feature in FEATURES.items() if (keys := feature.found(values))}


def examples_of(*names: str) -> Iterator[dict[str, object]]:
    """Yield the ways to have some features at once: their examples, where they do not contradict."""
    for examples in product(*(FEATURES[name].examples for name in names)):
        values = merged(*examples)
        if values is not None and {*names} <= {*features_of(values), *USES}:
            yield values


def merged(*examples: Values) -> dict[str, object] | None:
    """Return examples in one, or None where they contradict each other."""
    values: dict[str, object] = {}
    for example in examples:
        if any(values.get(key, value) != value for key, value in example.items()):
            return None
        values |= example
    return values


def rows(values: Values, beside: Collection[str] = ()) -> list[Keys]:
    """Return the rows of the table that refuse some values. beside: features that no key switches on."""
    return [together for together, _ in _refused(features_of(values), beside)]


def refusals(
    values: Values, choices: Mapping[str, Collection[object]], beside: Collection[str] = ()
) -> Iterator[tuple[str, str]]:
    """Yield (key, message) for features that are on and not available together.

    choices: key -> the values that it may have, of keys that name one of some. beside: features that no key
    switches on.
    """
    on = features_of(values)
    for together, keys in _refused(on, beside):
        named, *others = together
        told = " and ".join(_told(other, values, on) for other in others)
        for key in keys:
            must = FEATURES[named].must or _must(key, values, choices, beside)
            yield key, f"{must} with {told}: {REFUSED[together]}"


def _refused(on: Mapping[str, Keys], beside: Collection[str]) -> Iterator[tuple[Keys, Keys]]:
    """Yield the rows of the table that hold, each with the keys to name."""
    there = {*on, *beside}
    for together in REFUSED:
        if there.issuperset(together):
            yield together, on[together[0]]


def _told(name: str, values: Values, on: Mapping[str, Keys]) -> str:
    feature = FEATURES[name]
    return feature.told or f"{on[name][0]} = {values[on[name][0]]}"


def _must(
    key: str, values: Values, choices: Mapping[str, Collection[object]], beside: Collection[str]
) -> str:
    """Return what a key must be: one of its choices with which nothing of it is refused."""
    allowed = [
        str(choice)
        for choice in choices[key]
        if not any(
            key in keys for _, keys in _refused(features_of({**values, key: choice}), beside)
        )
    ]
    if len(allowed) > _MOST_CHOICES:
        return f"must not be {values[key]}"
    *first, last = allowed
    return f"must be {', '.join(first)}{' or ' if first else ''}{last}"
