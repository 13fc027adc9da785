"""Keys of FUSION's INI files that this simulator does not use, each with the reason.

FUSION (https://github.com/SDNNetSim/FUSION) drops keys that it does not know in silence. Here a
key is honoured, or it is *ignored* with a warning because it cannot change a result, or it is
*refused* because it asks for something that is not there.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

_OFF = frozenset({"", "0", "false", "no", "off", "none", "[]", "{}"})


class Foreign(NamedTuple):
    """A key of FUSION: why it changes nothing, and for which values that is so."""

    reason: str
    harmless: frozenset[str] | None = None  # values as `plain` text; None: every value
    refusal: str = ""  # for the other values: what is missing, and what to do instead


def _off(reason: str, refusal: str, *harmless: str) -> Foreign:
    return Foreign(reason, _OFF | set(harmless), refusal)


_LOG = Foreign("the log has one set-up for all runs")
_SAVED = Foreign("every replication is written when it is finished")
_CSV = Foreign("CSV and JSON results are always written, into the output directory")
_OUTAGES = Foreign("blocking is written for before, during and after a failure")
_PROTECTION = Foreign("False is as if it were not there")
_BOTH_WAYS = Foreign("link_directions says whether both directions share a spectrum")
_AGENTS = Foreign(
    "no learning agent takes part in a simulation run; `fusion.learning` has an environment for them"
)
_TRAINING = Foreign("only `fusion train` reads this section")
_MODELS = Foreign("no learned model takes part in a simulation run")
_OFFLINE = Foreign("no transitions are logged")

_KEYS: dict[str, dict[str, Foreign]] = {
    "general_settings": {
        "pre_calc_mod_selection": Foreign(
            "the narrowest format in reach is used, and no wider one fits where it does not; with a "
            "snr_type all formats in reach are tried"
        ),
        "filter_mods": Foreign("FUSION does not use it either"),
        "thread_erlangs": Foreign("simulation_settings.workers spreads loads and replications"),
        "thread_num": Foreign("simulation_settings.workers spreads loads and replications"),
        "transponder_usage_per_node": Foreign("transponders never limit a request, as in FUSION"),
        "blocking_type_ci": Foreign("blocking by requests and by bit rate both have an interval"),
        "save_snapshots": Foreign("FUSION writes snapshots without content"),
        "snapshot_step": Foreign("FUSION writes snapshots without content"),
        "print_step": Foreign("progress is reported at every finished replication"),
        "save_step": _SAVED,
        "save_start_end_slots": _off(
            "slots of single lightpaths are not written",
            "slots of single lightpaths are not written; set save_start_end_slots = False",
        ),
        "fragmentation_metrics": Foreign("links.csv has the fragmentation of every link"),
        "verbose_logging": _LOG,
        "log_level": _LOG,
        "sim_type": Foreign("FUSION no longer reads it"),
        "rl_seed": _AGENTS,
        "request_seeds": _off(
            "requests follow from simulation_settings.seed",
            "replications are numbered; set simulation_settings.seed and max_iters instead",
        ),
        "erlangs": Foreign(
            "", frozenset(), "FUSION no longer reads it; use erlang_start, erlang_stop, erlang_step"
        ),
    },
    "topology_settings": {
        "multi_fiber": Foreign(
            "in FUSION it chooses a table of signal quality; quality_file is one"
        ),
        "bi_directional": _BOTH_WAYS,
    },
    "routing_settings": {
        "path_ordering": Foreign(
            "FUSION orders paths by km whatever it says; path_order is what orders them here"
        ),
        "precompute_paths": Foreign("paths are always computed once, before the first request"),
        "routing_weight": Foreign(
            "paths are ordered by path_order",
            frozenset({"length", "", "none"}),
            "use path_order (km, hops or hops_per_bit) instead",
        ),
        "ca_alpha": Foreign(
            "FUSION's files cannot set it",
            frozenset({"0.3", "", "none"}),
            "use congestion_weight instead",
        ),
    },
    "spectrum_settings": {},
    "snr_settings": {
        "theta": Foreign("FUSION does not use it either"),
        "bi_directional": _BOTH_WAYS,
        "snr_margin": Foreign(
            "thresholds have no margin of their own",
            _OFF,
            "add it to the numbers of snr_thresholds instead",
        ),
    },
    "file_settings": {
        "file_type": _CSV._replace(
            harmless=frozenset({"json", "csv", "none", ""}),
            refusal="results are written as CSV and JSON; set file_type = json",
        ),
        "run_id": Foreign("results go to the output directory that the caller names"),
    },
    "ml_settings": {
        "deploy_model": _off(_MODELS.reason, "learned models are not available yet; set False"),
        "output_train_data": _off(
            _MODELS.reason, "training data are not written; set output_train_data = False"
        ),
        "ml_training": _MODELS,
        "ml_model": _MODELS,
        "train_file_path": _MODELS,
        "test_size": _MODELS,
    },
    "rl_settings": {"*": _AGENTS},
    "training_settings": {"*": _TRAINING},
    "offline_rl_settings": {
        "policy_type": _off(
            "the policy is path_choice and allocation_method",
            "learned policies are not available yet; set policy_type = ksp_ff",
            "ksp_ff",
        ),
        "*": _AGENTS,
    },
    "policy_settings": {
        "policy_type": _off(
            "the policy is path_choice and allocation_method",
            "learned policies are not available yet; set policy_type = heuristic",
            "heuristic",
        ),
        "policy_name": _off(
            "the policy is path_choice and allocation_method",
            "this policy is not available yet; set policy_name = first_feasible",
            "first_feasible",
            "ksp_ff",
        ),
        "*": _AGENTS,
    },
    "heuristic_settings": {"*": Foreign("the policy is path_choice and allocation_method")},
    "protection_settings": {
        "protection_enabled": _off(_PROTECTION.reason, "must be True or False"),
        "node_disjoint_protection": _off(_PROTECTION.reason, "must be True or False"),
    },
    "dataset_logging_settings": {
        "log_offline_dataset": _off(
            _OFFLINE.reason, "transitions are not logged; set log_offline_dataset = False"
        ),
        "*": _OFFLINE,
    },
    "recovery_timing_settings": {"*": _OUTAGES},
    "reporting_settings": {"*": _CSV},
}
for _name in ("dataset_logging", "recovery_timing", "reporting"):
    _KEYS[_name] = _KEYS[f"{_name}_settings"]  # FUSION's examples leave the ending out

SECTIONS: frozenset[str] = frozenset(_KEYS)

OF_CONVENTIONS = (
    ("rl_settings", "is_training"),
    ("general_settings", "pre_calc_mod_selection"),
    ("general_settings", "save_start_end_slots"),
)
"""Keys that count with conventions = fusion, and where FUSION has them; they are ignored without."""

ALSO_IN: dict[str, frozenset[str]] = {
    "route_method": frozenset({"routing_settings"}),
    "k_paths": frozenset({"policy_settings"}),
    "guard_slots": frozenset({"spectrum_settings"}),
    "allocation_method": frozenset({"spectrum_settings"}),
    "spectrum_priority": frozenset({"spectrum_settings"}),
    "protection_switchover_ms": frozenset({"recovery_timing_settings", "recovery_timing"}),
    "restoration_latency_ms": frozenset({"recovery_timing_settings", "recovery_timing"}),
}
"""Further sections, beside its own and general_settings, in which FUSION puts a key of ours."""


def find(section: str, key: str) -> Foreign | None:
    """Return what is known of a key that is not ours, or None."""
    keys = _KEYS.get(section)
    if keys is None:
        return None
    # A general key strays into other sections of FUSION's own templates.
    return keys.get(key) or _KEYS["general_settings"].get(key) or keys.get("*")


def is_listed(section: str, key: str) -> bool:
    """Return whether a key that is not ours is one of just this section."""
    return key in _KEYS.get(section, {})


def is_process_section(section: str) -> bool:
    """Tell whether a section is one of FUSION's [s1], [s2] ... for further processes."""
    return re.fullmatch(r"[sS]\d{1,6}", section) is not None


def plain(value: object) -> str:
    """Return a value as the text by which `Foreign.harmless` knows it; equal numbers are equal."""
    if isinstance(value, list | tuple | Mapping):
        return "[]" if not value else "[...]"
    if isinstance(value, str | bool | None):
        text = str(value).strip().strip("'\"").strip().lower()
    elif isinstance(value, int | float) and abs(value) < 1e15:
        text = str(value)
    else:
        return f"<{type(value).__name__}>"
    try:
        number = float(text)
    except ValueError:
        return text
    return str(int(number)) if number.is_integer() and abs(number) < 1e15 else text


def refused(foreign: Foreign, value: object) -> bool:
    """Tell whether this value of the key asks for something that is not there."""
    return foreign.harmless is not None and plain(value) not in foreign.harmless
