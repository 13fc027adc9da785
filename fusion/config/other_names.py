"""Names that people use for a setting, where no key is spelled similarly."""

from fusion.config.problems import nearest
from fusion.config.sections import HOME

_LOADS = "loads are erlang_start, erlang_stop and erlang_step of general_settings"
_RATE = (
    "an arrival rate is the load divided by the mean holding time: set erlang_start, erlang_stop and "
    "erlang_step, and holding_time, of general_settings"
)
_SLOTS = "the slots of each band are c_band, l_band and so on, of spectrum_settings"
_POLICIES = {
    "ksp_ff": "KSP-FF is path_choice = in_order with allocation_method = first_fit",
    "ff_ksp": "FF-KSP is path_choice = all with allocation_method = first_fit",
}
_BY_NAME = {
    **_POLICIES,
    **{name.replace("_", ""): told for name, told in _POLICIES.items()},
    **dict.fromkeys(("load", "loads", "erlang", "offered_load", "traffic_load"), _LOADS),
    **dict.fromkeys(("arrival_rate", "arrival_rates", "lambda", "interarrival_time"), _RATE),
    **dict.fromkeys(("slots", "num_slots", "number_of_slots", "spectrum_slots"), _SLOTS),
}
_SAME = {
    **dict.fromkeys(("slot_width", "slot_size", "bandwidth", "slot_bandwidth"), "bw_per_slot"),
    **dict.fromkeys(("cores", "num_cores"), "cores_per_link"),
    **dict.fromkeys(("modulation", "modulations", "modulation_format"), "mod_assumption"),
    **dict.fromkeys(("guard", "guard_band", "guardband"), "guard_slots"),
    **dict.fromkeys(("k", "num_paths", "k_shortest_paths", "paths"), "k_paths"),
    **dict.fromkeys(("topology", "graph", "topology_file"), "network"),
    **dict.fromkeys(("iterations", "iters", "replications", "runs", "num_runs"), "max_iters"),
    **dict.fromkeys(("warmup", "warm_up"), "warmup_requests"),
    **dict.fromkeys(("threads", "processes", "cpus"), "workers"),
    **dict.fromkeys(("mean_holding_time", "service_time", "mu"), "holding_time"),
    **dict.fromkeys(("precision", "relative_error"), "relative_precision"),
}
LOADS = frozenset(name for name, hint in _BY_NAME.items() if hint == _LOADS)
"""Names under which people look for the loads."""


def meant_key(name: str, *known: list[str]) -> str:
    """Return `; ...` with what was meant by the name of a key that there is not, or nothing.

    known: names among which the nearest is looked for, one list after the other.
    """
    name = name.strip().lower().replace("-", "_")
    if name in _BY_NAME:
        return f"; {_BY_NAME[name]}"
    if name in _SAME:
        return f"; did you mean '{_SAME[name]}', of {HOME[_SAME[name]]}?"
    return next(filter(None, (nearest(name, names) for names in known)), "")
