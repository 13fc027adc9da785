"""What the literature calls values of the settings: first fit, KSP-FF, FF-KSP."""

from collections.abc import Iterable, Mapping, Sequence

from fusion.config.policy_names import POLICY_KEYS, policy_name
from fusion.config.sections import FIT_LABELS
from fusion.sweep.definition import named
from fusion.sweep.point_state import PointState
from fusion_flows.pictures.relabelled import relabelled
from fusion_flows.pictures.rows import Row, text_of

POLICY = "policy"
_WORDS = {
    "allocation_method": {name: name.replace("_", " ") for name in FIT_LABELS}
    | {"xt_aware": "crosstalk-aware", "mscl": "MSCL"},
    "route_method": {
        "k_shortest_path": "KSP",
        "shortest_path": "SP",
        "cong_aware": "congestion-aware",
        "least_congested": "least congested",
        "frag_aware": "fragmentation-aware",
        "nli_aware": "NLI-aware",
        "xt_aware": "crosstalk-aware",
    },
    "path_order": {"hops_per_bit": "hops per bit"},
}


def field_labels(
    states: Iterable[PointState], axes: Sequence[str], own: Mapping[str, str]
) -> dict[str, str]:
    """Return the labels of values on axes: one's own, and what the literature calls the others.

    own: as for `relabelled`, and they go first. `path_choice` has the name of the policy, where each of its
    values makes one.
    """
    found = dict(own)
    policies: dict[object, set[str]] = {}
    for state in states:
        for axis in axes:
            value = state.point.axes[axis]
            word = _WORDS.get(axis, {}).get(str(value))
            if word is not None and not _is_named(axis, value, own):
                found[named(axis, value)[1]] = word
        if "path_choice" in axes:
            name = policy_name(state.point.config)
            policies.setdefault(state.point.axes["path_choice"], set()).add(name)
    if all(len(names) == 1 for names in policies.values()):
        for value, (name,) in policies.items():
            if not _is_named("path_choice", value, own):
                found[named("path_choice", value)[1]] = own.get(name, name)
    return found


def in_field_names(
    rows: Sequence[Row], axes: Sequence[str], states: Iterable[PointState], own: Mapping[str, str]
) -> tuple[list[Row], list[str]]:
    """Return rows and axes with the labels of `field_labels`; axes that make a policy together are one.

    rows: with the `key` of their points. So two paths choices with two fits are KSP-FF, KSP-BF, FF-KSP and
    BF-KSP, not `all, best fit`. A label of one's own may be for such a name, too.
    """
    states = list(states)
    parts = [
        axis for axis in POLICY_KEYS if axis in axes and len({text_of(r[axis]) for r in rows}) > 1
    ]
    names = {state.point.key: policy_name(state.point.config) for state in states}
    combined = {tuple(text_of(row[axis]) for axis in parts): names[row["key"]] for row in rows}
    is_own = any(_is_named(axis, row[axis], own) for row in rows for axis in parts)
    one_each = len(set(combined.values())) == len(combined)
    # Of a part of the curves one axis may be left, and labels of one's own are for policies all the same.
    is_policy = len(parts) > 1 or (parts and any(name in own for name in combined.values()))
    if not is_policy or POLICY in axes or is_own or not one_each:
        return relabelled(rows, axes, field_labels(states, axes, own)), list(axes)
    others = [axis for axis in axes if axis not in parts]
    shown = relabelled(rows, others, field_labels(states, others, own))
    merged: list[Row] = [
        {**row, POLICY: own.get(names[row["key"]], names[row["key"]])} for row in shown
    ]
    return merged, [POLICY, *others]


def _is_named(axis: str, value: object, own: Mapping[str, str]) -> bool:
    return any(name in own for name in named(axis, value))
