"""The load that a configuration actually offers, which can differ from the nominal one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from fusion.config.sections import Config
from fusion.scenario.traffic import offered_share

_TOLERANCE = 0.005


def per_load(config: Config) -> int:
    """Return the arrival rate times the holding time at a load of 1 Erlang."""
    compatibility = config.compatibility_settings
    by_core = compatibility.conventions != "none" and compatibility.load_per_core
    return config.topology_settings.cores_per_link if by_core else 1


def offered_per_nominal(config: Config) -> float:
    """Return the offered load over the nominal one. It is the same at every load."""
    return offered_share(config.traffic_settings.holding_distribution) * per_load(config)


def is_other_load(one: float, other: float) -> bool:
    """Return whether two loads in Erlang differ by more than 0.5 %."""
    return abs(one - other) > _TOLERANCE * max(abs(one), abs(other))


def keys_of_offered_load(*configs: Config) -> list[str]:
    """Return the keys that make configurations offer different loads at one nominal load.

    Of a single one: the keys that make its offered load differ from the nominal one.
    """
    shares = {offered_share(each.traffic_settings.holding_distribution) for each in configs}
    factors = {per_load(each) for each in configs}
    if len(configs) == 1:
        shares.add(1.0)
        factors.add(1)
    keys = ["holding_distribution"] if len(shares) > 1 else []
    return [*keys, "load_per_core"] if len(factors) > 1 else keys


def offered_times(shares: Iterable[float]) -> str:
    """Return how many times the nominal loads are offered: "0.6871 times" or "0.6871 to 1 times".

    shares: offered loads over nominal ones; empty where all loads are offered as they are nominal.
    """
    ends = sorted(shares)
    if not any(is_other_load(share, 1.0) for share in ends):
        return ""
    texts = dict.fromkeys(f"{share:.4g}" for share in (ends[0], ends[-1]))
    return f"{' to '.join(texts)} times"


def nominal_note(shares: Iterable[float]) -> str:
    """Return a sentence on loads that are nominal; empty where they are offered. See `offered_times`."""
    times = offered_times(shares)
    return f"Loads are nominal; the offered load is {times} the nominal one." if times else ""


def offered_text(config: Config, loads: Sequence[float] | None = None) -> str:
    """Return what to add to nominal loads in words; empty where they are offered. loads: None: the config's.

    Such as " nominal (34.3 E offered, because of holding_distribution)".
    """
    share, loads = offered_per_nominal(config), loads or config.loads
    if not is_other_load(share, 1.0):
        return ""
    ends = "-".join(f"{share * load:.4g}" for load in dict.fromkeys((loads[0], loads[-1])))
    return f" nominal ({ends} E offered, because of {' and '.join(keys_of_offered_load(config))})"
