"""Names of one's own for the values on axes."""

import pytest

from fusion.config.config import ConfigError
from fusion.sweep.definition import make_sweep
from fusion_flows.pictures.relabelled import relabelled

from .drawn import draw, said, sweep


def test_a_legend_has_labels_and_a_label_of_an_axis_goes_first() -> None:
    rows = sweep({"k_paths": [1, 3], "path_order": ["km", "hops"]})
    labels = {"3": "three", "k_paths=3": "k = 3", "km": "KSP-FF"}
    shown = relabelled(rows, ("k_paths", "path_order", "erlang"), labels)
    assert said(draw(shown, "k_paths", "path_order"))[:4] == [
        *("k_paths = 1, KSP-FF", "k_paths = 1, hops"),
        *("k = 3, KSP-FF", "k = 3, hops"),
    ]
    assert [row["erlang"] for row in shown] == [row["erlang"] for row in rows]
    assert relabelled(rows, ("k_paths",), {}) == rows


def test_a_label_is_of_a_value() -> None:
    axes = {"k_paths": [1, 3], "path_order": ["km", "hops"]}
    for name in ("km", "path_order=km", "3", "k_paths=3"):
        assert make_sweep({"grid": axes, "labels": {name: "x"}}, "a").labels == {name: "x"}
    with pytest.raises(
        ConfigError,
        match=r"labels: hop is not a value of an axis; there are .*; did you mean 'hops'",
    ):
        make_sweep({"grid": axes, "labels": {"hop": "by hops"}}, "a")
