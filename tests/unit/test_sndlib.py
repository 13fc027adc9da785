"""Networks of SNDlib: links as long as great circles, demands as traffic, and what has no lengths."""

import logging
from pathlib import Path

import numpy as np
import pytest

from fusion.config.config import ConfigError, load_config
from fusion.network.topology import TopologyError, load_topology
from fusion.scenario.inputs import read_inputs

SMALL = """?SNDlib native format; type: network; version: 1.0
# network small

META (
  granularity  = full
  origin = somebody (of a test), http://example.org/#x
)

# NODE SECTION
NODES (
  Ulm ( 9.99 48.40 )
  Kassel ( 9.48 51.31 )
  Leipzig ( 12.37 51.34 )
  Hamburg (10.00 53.55)
)

# LINK SECTION
LINKS (
  L1 ( Ulm Kassel ) 0.00 0.00 0.00 350.00 ( 40.00 3290.00 155.00 9.00 )
  L2 ( Kassel Hamburg ) 0.00 0.00 0.00 270.00 ( 40.00 3290.00 )
  L3 ( Leipzig Hamburg ) 0.00 0.00 0.00 310.00 ( 40.00 3290.00 )
  L4 ( Ulm Leipzig ) 0.00 0.00 0.00 400.00 ( )
  L5 ( Kassel Leipzig ) 155.00 0.00 0.00 220.00
)

# DEMAND SECTION
DEMANDS (
  D1 ( Ulm Hamburg ) 1 34.00 UNLIMITED
  D2 ( Kassel Leipzig ) 1 9.00 2
)

# ADMISSIBLE PATHS SECTION
ADMISSIBLE_PATHS (
  D1 (
    P_0 ( L1 L2 )
  )
)
"""


def write(folder: Path, text: str, name: str = "small.txt") -> Path:
    (folder / name).write_text(text)
    return folder / name


@pytest.mark.parametrize("name", ["small.txt", "small.native", "small.json"])
def test_links_are_as_long_as_great_circles(tmp_path: Path, name: str) -> None:
    topology = load_topology(write(tmp_path, SMALL, name))
    assert topology.nodes == ("Ulm", "Kassel", "Leipzig", "Hamburg")
    assert [(a, b) for a, b, _ in topology.links] == [(0, 1), (1, 3), (2, 3), (0, 2), (1, 2)]
    # From the angles between vectors to the places, on a sphere of 6,371 km.
    expected = [325.633994, 251.557448, 293.544503, 368.687255, 200.829084]
    np.testing.assert_allclose([km for *_, km in topology.links], expected, rtol=0, atol=2e-6)
    assert topology.coordinates["Hamburg"] == (10.0, 53.55)
    assert topology.demands == 2
    assert topology.remarks == (
        "the lengths are great circles between the coordinates; fibres are longer",
    )


def test_a_number_of_a_link_may_be_its_length(tmp_path: Path) -> None:
    topology = load_topology(write(tmp_path, SMALL), length_key="setup_cost")
    assert [km for *_, km in topology.links] == [350, 270, 310, 400, 220]


def test_both_directions_are_one_link_and_parallel_links_several(tmp_path: Path) -> None:
    both = SMALL.replace("LINKS (\n", "LINKS (\n  L0 ( Kassel Ulm ) 0.00 0.00 0.00 0.00 ( )\n")
    assert len(load_topology(write(tmp_path, both)).links) == 5
    twice = both.replace("( Kassel Ulm )", "( Ulm Kassel )")
    topology = load_topology(write(tmp_path, twice))
    assert len(topology.links) == 6
    assert topology.link_names == ("L0", "L1", "L2", "L3", "L4", "L5")


def _many(places: list[tuple[str, str]]) -> str:
    nodes = "".join(f"  N{i} ( {x} {y} )\n" for i, (x, y) in enumerate(places))
    links = "".join(f"  L{i} ( N{i} N{i + 1} ) 0.00\n" for i in range(len(places) - 1))
    head = "?SNDlib native format; type: network; version: 1.0\n"
    return f"{head}NODES (\n{nodes})\nLINKS (\n{links})\n"


def test_degrees_and_minutes_are_known_by_their_fractions(tmp_path: Path) -> None:
    places = [(f"{10 + i}.{5 * i:02}", f"50.{59 - 5 * i:02}") for i in range(10)]
    topology = load_topology(write(tmp_path, _many(places)))
    assert topology.coordinates["N3"] == pytest.approx((13 + 15 / 60, 50 + 44 / 60))
    assert "degrees.minutes" in topology.remarks[0]
    west = load_topology(write(tmp_path, _many([(f"-{x}", y) for x, y in places])))
    assert west.coordinates["N3"] == pytest.approx((-13 - 15 / 60, 50 + 44 / 60))
    degrees = load_topology(write(tmp_path, _many([*places, ("20.00", "50.60")])))
    assert degrees.coordinates["N3"] == (13.15, 50.44)
    assert "degrees.minutes" not in " ".join(degrees.remarks)


@pytest.mark.parametrize(
    "places",
    [
        [("385.00", "465.00"), ("56.00", "31.00"), ("516.00", "99.00")],  # pixels
        [("0.00", "12.00"), ("48.00", "49.00"), ("7.00", "3.00")],  # a grid
        [("385.5", "46.5"), ("56.2", "31.1"), ("16.7", "99.3")],
    ],
)
def test_pixels_are_no_degrees(tmp_path: Path, places: list[tuple[str, str]]) -> None:
    with pytest.raises(TopologyError) as error:
        load_topology(write(tmp_path, _many(places)))
    (problem,) = error.value.problems
    assert "pixels of a picture or a grid and not degrees" in problem
    hops = load_topology(tmp_path / "small.txt", const_link_weight=True)
    assert [km for *_, km in hops.links] == [1.0] * (len(places) - 1)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("type: network", "type: solution", "a solution and not a network"),
        ("( Ulm Kassel )", "Ulm Kassel", "line 19"),
        ("( Ulm Kassel )", "( Ulm Bonn )", "node not found"),
        ("Ulm ( 9.99 48.40 )", "Ulm", "no length"),
        ("NODES (", "NODE (", "lists no nodes"),
    ],
)
def test_bad_files(tmp_path: Path, old: str, new: str, words: str) -> None:
    with pytest.raises(TopologyError, match=words):
        load_topology(write(tmp_path, SMALL.replace(old, new)))


def test_demands_are_offered_and_taken_as_a_traffic_matrix(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = write(tmp_path, SMALL)

    def matrix(text: str = "") -> np.ndarray:
        keys = {"network": str(file)}
        traffic = {"traffic_matrix": str(write(tmp_path, text, "traffic.txt"))} if text else {}
        config = load_config("quick", {"topology_settings": keys, "traffic_settings": traffic})
        found = read_inputs(config).traffic_matrix
        return np.zeros(0) if found is None else found

    with caplog.at_level(logging.WARNING):
        matrix()
    assert "has 2 demands, which are not used: traffic_matrix = small.txt takes them" in caplog.text
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        shares = matrix(SMALL)
    assert "are not used" not in caplog.text
    assert "each is taken both ways" in caplog.text
    expected = np.zeros((4, 4))
    expected[0, 3] = expected[3, 0] = 34
    expected[1, 2] = expected[2, 1] = 9
    np.testing.assert_allclose(shares * 86, expected, atol=1e-12)

    listed = SMALL.replace("DEMANDS (\n", "DEMANDS (\n  D0 ( Hamburg Ulm ) 1 7.00 UNLIMITED\n")
    listed = listed.replace("  D2", "  D3 ( Kassel Leipzig ) 1 1.00 UNLIMITED\n  D2")
    expected[3, 0], expected[1, 2], expected[2, 1] = 7, 10, 0
    np.testing.assert_allclose(matrix(listed) * 51, expected, atol=1e-12)
    expected[3, 0] = 17.5
    listed = listed.replace("( Hamburg Ulm ) 1 7.00", "( Hamburg Ulm ) 2.5 7.00")
    np.testing.assert_allclose(matrix(listed) * 61.5, expected, atol=1e-12)
    for text, words in (
        (SMALL.replace("( Ulm Hamburg )", "( Ulm Bonn )"), "'Bonn' is not a node"),
        (SMALL.replace("34.00", "much"), "from Ulm to Hamburg: much"),
        (SMALL.partition("# DEMAND")[0], "lists no demands"),
    ):
        with pytest.raises(ConfigError, match=words):
            matrix(text)
