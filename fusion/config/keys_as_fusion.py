"""What the original FUSION takes from an INI file, and what it silently leaves out.

Its loader knows which keys belong into which section and drops all others. A key in [general_settings] wins
over one of the same name elsewhere, [s1] over both; further sections for processes are read by nothing that
its command line starts. All sections that are there, [s1] as well, have the keys of [DEFAULT]. Of the words
for yes it knows three; every other word is no.
"""

from __future__ import annotations

from collections.abc import Iterator

from fusion.config import foreign_keys
from fusion.config.ini import DEFAULTS, Entries, Entry
from fusion.config.problems import Problem, brief, nearest, show
from fusion.config.sections import HOME, SECTIONS

_OURS = "compatibility_settings"
_GENERAL = "general_settings"
_BANDS = ("l_band", "s_band", "o_band", "e_band")
_READ: dict[str, frozenset[str]] = {
    section: frozenset(keys.split())
    for section, keys in {
        _GENERAL: "erlang_start erlang_stop erlang_step mod_assumption mod_assumption_path holding_time "
        "guard_slots num_requests max_iters dynamic_lps fixed_grid pre_calc_mod_selection max_segments "
        "spectrum_priority save_start_end_slots is_grooming_enabled can_partially_serve route_method "
        "allocation_method request_distribution frag_calc_step",
        "topology_settings": "network bw_per_slot cores_per_link const_link_weight is_only_core_node",
        "routing_settings": "k_paths route_method",
        "spectrum_settings": "c_band l_band s_band o_band e_band guard_slots allocation_method",
        "snr_settings": "snr_type input_power egn_model beta xt_type xt_noise requested_xt phi snr_recheck "
        "recheck_adjacent_cores recheck_crossband",
        "rl_settings": "is_training",
        "failure_settings": "failure_type geo_center_node geo_hop_radius t_fail_arrival_index "
        "t_repair_after_arrivals failed_link_src failed_link_dst",
        "protection_settings": "revert_to_primary disjointness_type protection_switchover_ms "
        "restoration_latency_ms",
        "recovery_timing_settings": "protection_switchover_ms restoration_latency_ms",
    }.items()
}
"""Section -> keys of ours that FUSION reads there."""
_PLACES = {
    key: [section for section, keys in _READ.items() if key in keys]
    for key in sorted(frozenset().union(*_READ.values()))
}
_SEEDS = ("seed", "request_seeds")
_REQUIRED = frozenset(_READ[_GENERAL] - {"request_distribution", "frag_calc_step"}) | {
    *_READ["topology_settings"],
    *_READ["snr_settings"],
    "c_band",
}
"""Keys without which FUSION does not start, so there is nothing to compare with."""
_NOT_READ = frozenset({"policy_settings", "heuristic_settings", "offline_rl_settings"})
"""Sections that its loader knows and no simulation looks into."""
_UNKNOWN = frozenset({"erlangs", "request_seeds", "snr_margin", "rl_seed", "sim_type"})
"""Keys of other versions of FUSION, which its loader drops."""
_SWITCHES = frozenset().union(
    ("dynamic_lps", "fixed_grid", "is_grooming_enabled", "can_partially_serve", "is_training"),
    ("const_link_weight", "is_only_core_node", "egn_model", "xt_noise", "snr_recheck"),
    ("recheck_adjacent_cores", "recheck_crossband", "revert_to_primary", "protection_enabled"),
    ("pre_calc_mod_selection", "save_start_end_slots", "deploy_model", "output_train_data"),
    ("log_offline_dataset", "export_csv"),
)
_FEW = 3
_NO_KEY = "FUSION does not know the key"
_YES, _NO = ("true", "yes", "1"), ("false", "no", "0", "off", "none", "")


def as_fusion_reads(entries: Entries) -> tuple[Entries, list[Problem]]:
    """Return the entries of an INI file as FUSION takes them, and a problem for each that it leaves out.

    Keys and sections of ours alone stay, so that they are read, or refused with the conventions. A key that
    FUSION needs in another section stays, too, if it is not there: FUSION would not start. Of such a file
    unknown keys and sections stay as well, and are refused: one of them may be what is missing.
    """
    entries, unused = _with_defaults(entries)
    kept: Entries = {}
    starts = not _missing(entries)
    dropped = [*unused, *(_of_other_sections(entries) if starts else [])]
    for (section, key), entry in entries.items():
        if not _has_place(section):
            if not starts:
                kept[section, key] = entry
            continue
        reason = _reason(section, key, entries)
        if not reason or (not starts and reason.startswith(_NO_KEY)):
            kept[section, key] = entry
        elif not _is_default(key, entry):
            dropped.append(_problem(section, key, entry, reason))
    kept, overruled = general_wins(kept)
    for (section, key), entry in entries.items():
        if section == "s1" and key in _PLACES:
            kept = {(s, k): each for (s, k), each in kept.items() if k != key or s == _OURS}
            kept[_PLACES[key][0], key] = entry
    for (section, key), entry in kept.items():
        if key in _SWITCHES and section != _OURS and isinstance(entry.value, str):
            word = entry.value.lower()
            kept[section, key] = entry._replace(value=str(word in _YES))
            if word not in (*_YES, *_NO):
                reason = "counts as False: for FUSION every word but true, yes and 1 is"
                dropped.append(_problem(section, key, entry, reason))
        elif key == "spectrum_priority" and entry.value != "BSC":
            kept[section, key] = entry._replace(value="None")  # all else is one way there
    return kept, dropped + overruled


def why_refused(entries: Entries, source: str) -> list[Problem]:
    """Return why unknown keys and sections of a file are refused, or nothing. source: the file."""
    missing = [f"[{_PLACES[key][0]}] {key}" for key in _missing(_with_defaults(entries)[0])]
    if not missing:
        return []
    more = f" and {len(missing) - _FEW} more" if len(missing) > _FEW else ""
    message = f"FUSION does not start with this file, which has no {', '.join(missing[:_FEW])}{more}: what "
    message += "it would leave out is refused, as it may be what is missing"
    return [Problem("", "", None, message, source)]


def _missing(entries: Entries) -> list[str]:
    """Return the keys that are not there and without which FUSION does not start."""
    there = {key for (section, key) in entries if section in _PLACES.get(key, ())}
    return sorted(_REQUIRED - there)


def _with_defaults(entries: Entries) -> tuple[Entries, list[Problem]]:
    """Return the entries without [DEFAULT], of whose keys each section keeps those that FUSION reads there.

    With it a problem for each key of [DEFAULT] that no section of the file takes.
    """
    kept = {
        place: entry
        for place, entry in entries.items()
        if place[0] != DEFAULTS and (not entry.inherited or _takes(*place))
    }
    taken = {key for (_, key), entry in kept.items() if entry.inherited}
    unused = []
    for (section, key), entry in entries.items():
        if section == DEFAULTS and key not in taken:
            reason = f"{_NO_KEY}{nearest(key, list(_PLACES))}"
            if key in _PLACES:
                places = " and ".join(f"[{place}]" for place in _PLACES[key])
                reason = f"FUSION reads it in {places} alone{_instead(key, after='; ')}"
            unused.append(_problem(section, key, entry, reason))
    return kept, unused


def _takes(section: str, key: str) -> bool:
    """Return whether FUSION reads a key in a section, ours or not."""
    if section == "s1":
        return key in _PLACES
    return key in _READ.get(section, ()) or foreign_keys.is_listed(section, key)


def read_elsewhere(entries: Entries) -> list[Problem]:
    """Return the entries of an INI file that count although they are not in their own section.

    FUSION would leave some of them out. Those that are as if they were not there are not told, nor are
    those that stand where FUSION has them.
    """
    found = []
    for (section, key), entry in entries.items():
        reads = (key == "k_paths" or key in _BANDS) and section in (_GENERAL, "policy_settings")
        if reads and not _is_default(key, entry):
            places = " and ".join(f"[{place}]" for place in _PLACES[key])
            reason = f"counts; FUSION leaves it out here, {_instead(key)}, and reads it in {places} alone"
            found.append(_problem(section, key, entry, reason))
        elif section == _GENERAL and HOME.get(key, _GENERAL) != _GENERAL:
            at_home = (_GENERAL, key) in foreign_keys.OF_CONVENTIONS or _takes(section, key)
            if not reads and not at_home and not _is_default(key, entry):
                reason = f"counts; its own section is [{HOME[key]}]"
                found.append(_problem(section, key, entry, reason))
    return found


def general_wins(entries: Entries) -> tuple[Entries, list[Problem]]:
    """Return the entries without those that FUSION overrules by [general_settings], and these.

    Both may be there with one value, which is not told.
    """
    kept, overruled = dict(entries), []
    for (section, key), entry in entries.items():
        if section == _GENERAL or len(_PLACES.get(key, ())) < 2 or section not in _PLACES[key]:
            continue
        general = entries.get((_GENERAL, key))
        if general is not None and _GENERAL in _PLACES[key]:
            del kept[section, key]
            if foreign_keys.plain(general.value) != foreign_keys.plain(entry.value):
                reason = f"overruled by [{_GENERAL}] {key} = {show(general.value)}, as in FUSION"
                overruled.append(_problem(section, key, entry, reason))
    return kept, overruled


def _reason(section: str, key: str, entries: Entries) -> str:
    """Return why FUSION leaves an entry out; empty: it does not, or the key is ours alone."""
    if section == _OURS or key in _READ.get(section, ()):
        return ""
    if section in _NOT_READ:
        return "no simulation of FUSION looks at it"
    if key in _SEEDS:
        return "FUSION does not read it: its seed is the number of the replication plus 1"
    if key in _PLACES:
        if key in _REQUIRED and not any((place, key) in entries for place in _PLACES[key]):
            return ""
        places = " and ".join(f"[{place}]" for place in _PLACES[key])
        return f"FUSION reads it in {places} alone{_instead(key, after='; ')}"
    if key in _UNKNOWN:
        return _NO_KEY
    if key in HOME and section in (HOME[key], _GENERAL):
        return ""
    if foreign_keys.find(section, key) is None and (section in _READ or section not in SECTIONS):
        return f"{_NO_KEY}{nearest(key, list(_PLACES))}"
    return ""


def _instead(key: str, after: str = "") -> str:
    if key == "k_paths":
        return f"{after}takes 3 paths"
    return f"{after}does without the band" if key in _BANDS else ""


def _is_default(key: str, entry: Entry) -> bool:
    """Return whether a key of ours has the value that counts without it."""
    if key not in HOME:
        return False
    default = SECTIONS[HOME[key]].model_fields[key].default
    return foreign_keys.plain(entry.value) == foreign_keys.plain(default)


def _has_place(section: str) -> bool:
    return section in SECTIONS or section in foreign_keys.SECTIONS


def _of_other_sections(entries: Entries) -> Iterator[Problem]:
    """Yield a problem for each section that FUSION does not look into, and for idle keys of [s1]."""
    told: set[str] = set()
    for (section, key), entry in entries.items():
        if _has_place(section) or section in told:
            continue
        if section == "s1":
            if key not in _PLACES:
                yield _problem(section, key, entry, "changes nothing")
            continue
        told.add(section)
        process = foreign_keys.is_process_section(section)
        reason = (
            "FUSION's command line runs [s1] alone, in small letters"
            if section == "S1"
            else "FUSION's command line runs [s1] alone"
            if process
            else "FUSION does not know the section"
        )
        yield Problem(section, "", None, reason, entry.source)


def _problem(section: str, key: str, entry: Entry, message: str) -> Problem:
    return Problem(section, key, brief(entry.value), message, entry.source)
