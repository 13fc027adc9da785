"""What a config's routing and allocation come to: candidate paths, their order, the order of the cores."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fusion.config.config import ConfigError, ignored_keys, load_config
from fusion.kernel import compiled
from fusion.kernel.routing import path_score
from fusion.network.cores import LAYOUTS, adjacency, apart, colours
from fusion.scenario.content import content_key
from fusion.scenario.inputs import read_inputs
from fusion.scenario.policies import RANKS
from fusion.scenario.scenario import Scenario, make_scenario
from fusion.simulation.replication import replicate
from fusion.sweep.point_file import from_text, to_text
from fusion.sweep.points import make_point


def scenario(general: dict[str, object], **routing: object) -> Scenario:
    overrides = {
        "general_settings": {"num_requests": 5000, **general},
        "routing_settings": routing,
    }
    config = load_config("nsfnet_100_slots", overrides)
    return make_scenario(config, read_inputs(config))


def nodes_of(made: Scenario, path: int) -> list[str]:
    """Return the nodes of a path, from its links."""
    pair = int(np.searchsorted(made.network.first_path, path, side="right")) - 1
    at = made.pairs[pair][0]
    nodes = [at]
    first, end = made.network.first_hop[path : path + 2]
    for link in made.network.links[first:end]:
        ends = made.links[link]
        at = ends[1] if ends[0] == at else ends[0]
        nodes.append(at)
    assert at == made.pairs[pair][1]
    return nodes


def candidates(made: Scenario, source: str, destination: str) -> list[list[str]]:
    pair = made.pairs.index((source, destination))
    first, end = made.network.first_path[pair : pair + 2]
    return [nodes_of(made, path) for path in range(first, end)]


@pytest.mark.parametrize("method", ["cong_aware", "least_congested", "frag_aware", "nli_aware"])
def test_ranking_paths_blocks_less_than_their_fixed_order(method: str) -> None:
    """At a load at which the shortest are often full."""
    fixed = replicate(scenario({"num_requests": 40_000}, k_paths=3), 170.0, 0, 3400)
    ranked = replicate(
        scenario(
            {"num_requests": 40_000, "route_method": method}, k_paths=3, congestion_weight=0.6
        ),
        170.0,
        0,
        3400,
    )
    assert ranked.traffic.requested.tolist() == fixed.traffic.requested.tolist()
    assert ranked.served.lightpaths_by_rank[1:].sum() > fixed.served.lightpaths_by_rank[1:].sum()
    if method == "cong_aware":
        assert 0 < ranked.traffic.blocked.sum() < 0.9 * fixed.traffic.blocked.sum()


def test_a_plane_that_is_full_counts_as_wholly_fragmented() -> None:
    """Links with (free slots, largest block) of (4, 2) and none, and of (2, 2) and (3, 1)."""
    free = np.array([[[0b110101], [0b11]], [[0], [0b10101]]], dtype=np.uint64)
    links = np.array([0, 1], dtype=np.int32)
    fragmented = (1 - 2 / 4 + 1) / 2 + (0 + 1 - 1 / 3) / 2

    @compiled
    def score_of(hop: int, end: int, choice: int) -> Any:
        return path_score(free, links, hop, end, 12, choice)

    for hop, end, score in ((0, 1, 0.75), (0, 2, fragmented)):
        assert score_of(hop, end, RANKS["frag_aware"]) == pytest.approx(score)


def test_congestion_is_weighed_against_length() -> None:
    """score / weight = congestion + (1 - weight) / weight * km / km of the longest candidate."""
    made = scenario({"route_method": "cong_aware"}, k_paths=3, congestion_weight=0.25)
    first, end = made.network.first_path[:2]
    km = made.candidates.length_km[first:end]
    assert made.network.path_cost[first:end] == pytest.approx(3.0 * km / km.max())
    assert not scenario({}, k_paths=3).network.path_cost.any()


def test_only_length_counts_where_congestion_weighs_next_to_nothing() -> None:
    shortest = replicate(scenario({}, k_paths=3, path_order="km"), 5.0, 0, 0)
    ranked = replicate(
        scenario(
            {"route_method": "cong_aware"}, k_paths=3, path_order="km", congestion_weight=1e-12
        ),
        5.0,
        0,
        0,
    )
    assert ranked.traffic.blocked.sum() == shortest.traffic.blocked.sum() == 0
    assert ranked.served.length_km == shortest.served.length_km
    assert ranked.served.lightpaths_by_rank[1] > 0  # congestion decides between equal lengths


def test_least_congested_has_paths_of_one_hop_more_than_the_fewest() -> None:
    made = scenario({"route_method": "least_congested"}, k_paths=50)
    for first, end in zip(made.network.first_path[:-1], made.network.first_path[1:], strict=True):
        hops = made.candidates.hops[first:end]
        assert hops.max() <= hops.min() + 1
        assert list(hops) == sorted(hops)
    every = scenario({}, k_paths=50, path_order="hops")
    wanted = [path for path in candidates(every, "1", "6") if len(path) <= 4]
    assert candidates(made, "1", "6") == wanted


def write_paths(folder: Path, text: str) -> str:
    path = folder / "paths.csv"
    path.write_text(text)
    return str(path)


def test_paths_come_from_a_file(tmp_path: Path) -> None:
    text = "# source ... destination\n1,8,9\n1,2,4,11,12,9\n\n9, 10, 7, 5, 4, 2, 1\n3,1\n"
    name = write_paths(tmp_path, text)
    made = scenario({"route_method": "external_ksp"}, paths_file=name, k_paths=2)
    plain = scenario({}, k_paths=2)
    assert candidates(made, "1", "9") == [["1", "8", "9"], ["1", "2", "4", "11", "12", "9"]]
    assert candidates(made, "9", "1") == [["9", "10", "7", "5", "4", "2", "1"]]
    assert candidates(made, "1", "3") == [["1", "3"]]  # of the other direction
    assert candidates(made, "5", "14") == candidates(plain, "5", "14")


def test_the_content_of_a_path_file_is_part_of_the_key(tmp_path: Path) -> None:
    keys = []
    for text in ("1,3\n", "# the same\n1, 3\n", "1,2,3\n"):
        config = load_config(
            "nsfnet_100_slots",
            {
                "general_settings": {"route_method": "external_ksp"},
                "routing_settings": {"paths_file": write_paths(tmp_path, text)},
            },
        )
        inputs = read_inputs(config)
        keys.append(content_key(config, inputs))
        point = make_point(
            config.model_copy(
                update={
                    "general_settings": config.general_settings.model_copy(
                        update={"erlang_start": 150.0, "erlang_stop": 150.0}
                    )
                }
            ),
            inputs,
        )
        (read,), _ = from_text(to_text([point], "blocking_probability"))
        assert read.inputs.paths == inputs.paths
        assert read.key == point.key
    assert keys[0] == keys[1] != keys[2]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("1,99\n", "line 1: '99' is not a node"),
        ("1,2\n1,14\n", "line 2: there is no link between '1' and '14'"),
        ("1,2,1\n", "line 1: node '1' is there twice"),
        ("1\n", "line 1: a path has two nodes at least"),
        ("1,2\n1,2\n", "line 2: duplicate path"),
        ("# nothing\n", "has no path"),
    ],
)
def test_a_path_file_that_cannot_be_used_is_told(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(ConfigError, match="paths_file") as caught:
        scenario({"route_method": "external_ksp"}, paths_file=write_paths(tmp_path, text))
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("general", "routing", "told"),
    [
        (
            {"route_method": "cong_aware"},
            {"path_choice": "all"},
            "path_choice = all: must be in_order",
        ),
        (
            {"route_method": "least_congested"},
            {"path_order": "km"},
            "path_order = km: must be hops",
        ),
        ({"route_method": "external_ksp"}, {}, "paths_file must name a file"),
        (
            {"route_method": "nli_aware"},
            {"path_choice": "all"},
            "path_choice = all: must be in_order",
        ),
        (
            {"allocation_method": "xt_aware"},
            {"path_choice": "all"},
            "must be in_order with allocation_method = xt_aware",
        ),
        (
            {},
            {"congestion_weight": 0},
            "congestion_weight = 0: must be a number above 0 and at most 1",
        ),
        ({}, {"ca_alpha": 0.5}, "use congestion_weight instead"),
    ],
)
def test_what_does_not_go_together_is_refused(
    general: dict[str, object], routing: dict[str, object], told: str
) -> None:
    with pytest.raises(ConfigError, match=told):
        scenario(general, **routing)


def test_a_file_of_paths_that_nothing_reads_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is only read with route_method = external_ksp"):
        scenario({}, paths_file=write_paths(tmp_path, "1,2\n"))


def test_another_name_of_fusion_means_the_same(tmp_path: Path) -> None:
    path = tmp_path / "fusion.config.ini"
    path.write_text("[general_settings]\nroute_method = congestion_aware\n")
    config = load_config(path)
    assert config.general_settings.route_method == "cong_aware"
    assert not ignored_keys(path)


@pytest.mark.parametrize("fit", ["first", "last"])
def test_priority_takes_cores_that_are_no_neighbours_first(fit: str) -> None:
    config = load_config(
        "nsfnet_100_slots",
        {
            "general_settings": {"allocation_method": f"priority_{fit}"},
            "topology_settings": {"cores_per_link": 7},
        },
    )
    made = make_scenario(config, read_inputs(config))
    assert [plane.core for plane in made.planes] == [0, 2, 4, 1, 3, 5, 6]
    plain = make_scenario(
        load_config(
            "nsfnet_100_slots",
            {
                "general_settings": {"allocation_method": f"{fit}_fit"},
                "topology_settings": {"cores_per_link": 7},
            },
        ),
        read_inputs(config),
    )
    assert [plane.core for plane in plain.planes] == list(range(7))
    assert made.policy == plain.policy
    done = [replicate(each, 800.0, 0, 0) for each in (made, plain)]
    by_core = [one.served.lightpaths_by_plane.tolist() for one in done]
    assert by_core[0] == by_core[1]  # place by place: only the numbers of the cores differ


@pytest.mark.parametrize("count", LAYOUTS)
def test_an_order_of_the_cores_keeps_neighbours_apart(count: int) -> None:
    near = adjacency(count)
    order = apart(count)
    assert sorted(order) == list(range(count))
    first = [core for place, core in enumerate(order) if not near[core, order[:place]].any()]
    assert order[: len(first)] == first
    assert len(first) >= {1: 1, 4: 2, 7: 3, 13: 3, 19: 6}[count]


@pytest.mark.parametrize("key", ["route_method", "allocation_method"])
def test_crosstalk_needs_cores_whose_neighbours_are_known(key: str) -> None:
    overrides = {
        "general_settings": {key: "xt_aware"},
        "topology_settings": {"cores_per_link": 3},
    }
    config = load_config("nsfnet_100_slots", overrides)
    with pytest.raises(ConfigError, match=rf"one of 1, 4, 7, 13, 19 with {key} = xt_aware"):
        read_inputs(config)


@pytest.mark.parametrize(
    ("general", "other", "told"),
    [
        (
            {"route_method": "nli_aware"},
            {"compatibility_settings": {"conventions": "fusion"}},
            "route_method = nli_aware: must be k_shortest_path, shortest_path, cong_aware or external_ksp",
        ),
        (
            {"allocation_method": "xt_aware"},
            {"compatibility_settings": {"conventions": "fusion"}},
            "must be 1 with allocation_method = xt_aware and conventions = fusion: with 2 to 5 cores",
        ),
    ],
)
def test_what_impairments_do_not_go_with(
    general: dict[str, object], other: dict[str, dict[str, object]], told: str
) -> None:
    with pytest.raises(ConfigError, match=told):
        load_config("nsfnet_100_slots", {"general_settings": general, **other})


def test_weights_of_link_costs_count_where_they_are_read() -> None:
    def key(method: str, **settings: object) -> str:
        config = load_config(
            "nsfnet_100_slots",
            {"general_settings": {"route_method": method}, "snr_settings": settings},
        )
        return content_key(config, read_inputs(config))

    other = {"beta": 0.7, "xt_type": "without_length"}
    assert key("k_shortest_path") == key("k_shortest_path", **other)
    assert (
        key("nli_aware") == key("nli_aware", xt_type="without_length") != key("nli_aware", **other)
    )
    assert key("xt_aware") == key("xt_aware", xt_type=None) != key("xt_aware", beta=0.7)
    assert key("xt_aware", **other) == key("xt_aware", xt_type="without_length") != key("xt_aware")


def test_cores_that_are_taken_from_the_top_are_next_to_those_from_the_bottom() -> None:
    for count in LAYOUTS:
        near, colour = adjacency(count), colours(count)
        assert not any(
            near[a, b] for a in range(count) for b in range(count) if colour[a] == colour[b]
        )
        if count == 7:
            assert colour == [0, 1, 0, 1, 0, 1, 2]
