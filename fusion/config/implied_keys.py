"""Keys that follow from others: from FUSION's conventions, its other names, and its routing methods."""

from fusion.config import foreign_keys
from fusion.config.ini import Entries, Entry
from fusion.config.problems import Problem, brief

_METHOD, _K_PATHS = ("general_settings", "route_method"), ("routing_settings", "k_paths")


def follows_fusion(*layers: Entries) -> bool:
    """Return whether FUSION's conventions are asked for, in the last layer that says something of them."""
    found = [layer.get(("compatibility_settings", "conventions")) for layer in layers]
    last = next((entry for entry in reversed(found) if entry is not None), None)
    return last is not None and _is_fusion(last)


def imply_as_fusion(ours: Entries, others: Entries) -> None:
    """Read with FUSION's conventions what is ignored without them, and take its number of cores."""
    home = "compatibility_settings"
    mode = ours.get((home, "conventions"))
    if mode is None or not _is_fusion(mode):
        return
    for section, key in foreign_keys.OF_CONVENTIONS:
        if entry := others.pop((section, key), None):
            ours.setdefault((home, key), entry)
    ours.setdefault(("topology_settings", "cores_per_link"), mode._replace(value=3))
    method, given = (ours.get(place) for place in (_METHOD, _K_PATHS))
    if method is not None and method.value == "shortest_path":  # whose k_paths becomes 1 here
        if given is not None and foreign_keys.plain(given.value) != "1":
            ours.setdefault((home, "k_paths_in_file"), given)
    elif given is None:  # FUSION then has 3 paths, and takes each for the last
        ours.setdefault((home, "k_paths_in_file"), mode._replace(value=1))


def imply_by_other_names(ours: Entries, others: Entries) -> None:
    """Turn FUSION's further keys for protection into ours, where they switch something on."""
    for other, key, value in (
        ("protection_enabled", "protection_mode", "1plus1"),
        ("node_disjoint_protection", "disjointness_type", "node"),
    ):
        entry = others.get(("protection_settings", other))
        if entry is not None and foreign_keys.plain(entry.value) in ("true", "yes", "on", "1"):
            del others["protection_settings", other]
            ours.setdefault(("protection_settings", key), entry._replace(value=value))


def imply_by_route_method(ours: Entries, ignored: list[Problem]) -> None:
    """Set k_paths to 1 with route_method = shortest_path, as FUSION does; and what others imply."""
    method = ours.get(_METHOD)
    if method is not None and method.value == "1plus1_protection":
        protection = method._replace(value="1plus1")
        ours.setdefault(("protection_settings", "protection_mode"), protection)
    if method is not None and method.value == "least_congested":
        ours.setdefault(("routing_settings", "path_order"), method._replace(value="hops"))
    if method is None or method.value != "shortest_path":
        return
    given = ours.get(_K_PATHS)
    if given is not None and foreign_keys.plain(given.value) != "1":
        reason = "route_method = shortest_path has one path"
        ignored.append(Problem(*_K_PATHS, brief(given.value), reason, given.source))
    ours[_K_PATHS] = method._replace(value=1)


def _is_fusion(mode: Entry) -> bool:
    return foreign_keys.plain(mode.value) in ("fusion", "fusion_orchestrator")
