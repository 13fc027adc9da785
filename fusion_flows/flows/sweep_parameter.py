"""A sweep as a parameter of a flow run: as it is, or packed where it would be too large for Prefect.

Thousands of points that are written out are more than the 512 KiB that Prefect takes; packed they are a
tenth of that.
"""

import json
from collections.abc import Mapping
from typing import Any

from fusion.config.config import ConfigError, Problem
from fusion.sweep.definition import Sweep, make_sweep
from fusion_flows.engines.packing import pack, unpack
from fusion_flows.flows.short_fields import sweep_of_fields

PACKED = "packed"

_MOST_BYTES = 480_000  # some of the 512 KiB is for the other parameters


def sweep_as_parameter(sweep: Mapping[str, Any] | Sweep) -> dict[str, Any] | Sweep:
    """Return a sweep as Prefect takes it: the same where it is small. Raises ConfigError for a larger one."""
    record = sweep.model_dump(mode="json") if isinstance(sweep, Sweep) else dict(sweep)
    size = len(json.dumps(record, default=str))
    if size <= _MOST_BYTES:
        return sweep if isinstance(sweep, Sweep) else record
    checked = sweep if isinstance(sweep, Sweep) else make_sweep(sweep, "the sweep")
    packed = pack(checked.model_dump(mode="json", exclude_defaults=True))
    if len(packed) > _MOST_BYTES:
        message = (
            f"has {_kib(size)}, and {_kib(len(packed))} packed; a run of Prefect takes {_kib(_MOST_BYTES)}. "
            "Write its values as axes (grid, zip, or start, stop and step) in place of points, or make "
            "several sweeps of it: what they compute is in one store"
        )
        raise ConfigError([Problem("", "", None, message, "the sweep")])
    return {PACKED: packed}


def data_of_parameter(given: Mapping[str, Any] | Sweep) -> object:
    """Return the sweep that a parameter holds, packed, as the fields of a form, or as it is.

    Raises ConfigError for what is damaged, or contradicts itself.
    """
    if not isinstance(given, Mapping) or set(given) != {PACKED}:
        return sweep_of_fields(given)
    try:
        return unpack(str(given[PACKED]))
    except ValueError as error:
        raise ConfigError([Problem("", PACKED, None, str(error), "the sweep")]) from None


def sweep_of_parameter(given: Mapping[str, Any] | Sweep) -> Sweep:
    """Return the sweep that a parameter holds. Raises ConfigError."""
    return make_sweep(data_of_parameter(given), "the sweep")


def _kib(size: int) -> str:
    return f"{size / 1024:,.0f} KiB"
