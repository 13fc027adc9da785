"""A network of ours as GNPy's JSON: what GNPy takes of it, and what our reader has again."""

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from fusion.network.gnpy_network import MAX_SPAN_KM, gnpy_network, spans_of
from fusion.network.topology import Topology, load_topology
from fusion_flows.command import cli

gnpy_installed = pytest.mark.skipif(find_spec("gnpy") is None, reason="GNPy is not installed")
ODD = {
    "directed": False,
    "multigraph": True,
    "nodes": [
        {"id": "A", "name": "Aachen", "longitude": 6.08, "latitude": 50.78},
        {"id": "B", "longitude": 7.1, "latitude": 50.73, "region": "Rhineland", "site": "B1"},
        {"id": "C -> D"},
        {"id": "roadm E", "pass_through": True},
    ],
    "edges": [
        {"source": "A", "target": "B", "length_km": 90.5, "name": "new"},
        {"source": "A", "target": "B", "length_km": 150.123457, "name": "old"},
        {"source": "B", "target": "C -> D", "length_km": 80, "length_back_km": 81.7},
        {"source": "C -> D", "target": "roadm E", "length_km": 400, "one_way": True},
        {"source": "roadm E", "target": "A", "length_km": 0.5, "one_way": True},
        {"source": "A", "target": "C -> D", "length_km": 1234.5},
    ],
}


def written(topology: Topology, path: Path) -> Topology:
    path.write_text(json.dumps(gnpy_network(topology)))
    return load_topology(path)


def ways(topology: Topology) -> list[tuple[str, str, float]]:
    return sorted((topology.nodes[a], topology.nodes[b], km) for a, b, km, _ in topology.ways)


@pytest.fixture
def odd(tmp_path: Path) -> Topology:
    (tmp_path / "odd.json").write_text(json.dumps(ODD))
    return load_topology(tmp_path / "odd.json")


@pytest.mark.parametrize(
    "name", ["nsfnet_deeprmsa", "cost239_deeprmsa", "toy_network", "usnet_ptrnet"]
)
def test_shipped_networks_are_the_same_again(name: str, tmp_path: Path) -> None:
    topology = load_topology(name)
    again = written(topology, tmp_path / "again.json")
    assert set(again.nodes) == set(topology.nodes)
    assert ways(again) == ways(topology)  # of km to 1e-6, as topologies have them
    assert again.coordinates == topology.coordinates
    assert again.names == topology.names
    assert again.remarks == ()


def test_parallel_links_one_way_and_lengths_back(odd: Topology, tmp_path: Path) -> None:
    again = written(odd, tmp_path / "again.json")
    # Our reader takes "roadm" off the uid once, so that the node with this name has it still.
    assert again.nodes == odd.nodes
    assert ways(again) == ways(odd)
    assert sorted(zip(again.links, again.km_back, strict=True)) == sorted(
        zip(odd.links, odd.km_back, strict=True)
    )
    assert [again.nodes[i] for i in again.endpoints] == ["A", "B", "C -> D"]
    assert again.coordinates == odd.coordinates
    assert again.regions == odd.regions == {"B": "Rhineland"}
    assert odd.sites == {"B": "B1"}
    assert {"fiber (A -> B)-new_(1/2)", "fiber (A -> B)-old_(1/2)"} <= set(again.link_names)


def test_spans_are_equal_and_not_above_80_km(odd: Topology) -> None:
    data = gnpy_network(odd)
    fibres = [each for each in data["elements"] if each["type"] == "Fiber"]
    assert len(fibres) == sum(spans_of(km) for _, _, km, _ in odd.ways) == 2 * (2 + 2 + 16) + 9
    assert max(each["params"]["length"] for each in fibres) <= MAX_SPAN_KM
    old = [each["params"]["length"] for each in fibres if "A -> B)-old" in each["uid"]]
    assert old[0] == old[1]
    assert sum(old) == pytest.approx(150.123457, abs=1e-9)
    uids = [each["uid"] for each in data["elements"]]
    assert len(uids) == len(set(uids))
    assert [spans_of(km) for km in (0.001, 80, 80.000001, 160, 161)] == [1, 1, 2, 2, 3]


@gnpy_installed
@pytest.mark.parametrize("name", ["nsfnet_deeprmsa", "odd"])
def test_gnpy_propagates_over_it(
    name: str, odd: Topology, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    network = "odd.json" if name == "odd" else name
    assert cli.main(["export", network, "-o", "net.json"]) == 0
    ends = ("trx A", "trx B") if name == "odd" else ("trx 1", "trx 3")
    program = Path(sys.executable).with_name("gnpy-transmission-example")
    done = subprocess.run(
        [program, "net.json", *ends, "--save-network", "designed.json"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    km = {"odd": "90", "nsfnet_deeprmsa": "1500"}[name]
    assert f"over {km} km between {ends[0]} and {ends[1]}" in done.stdout
    # GNPy's design adds amplifiers and divides no fibre.
    designed: dict[str, Any] = json.loads(Path("designed.json").read_text())
    designed = designed.get("gnpy-network-topology:topology", [designed])[0]
    ours = json.loads(Path("net.json").read_text())
    assert _uids(designed, "Fiber") == _uids(ours, "Fiber")
    assert len(_uids(designed, "Edfa")) > len(_uids(ours, "Fiber"))
    # It writes lengths to six digits behind the point.
    for one, other in zip(
        ways(load_topology("designed.json")), ways(load_topology(network)), strict=True
    ):
        assert one[:2] == other[:2]
        assert one[2] == pytest.approx(other[2], abs=1e-5)


def _uids(data: dict[str, Any], kind: str) -> set[str]:
    return {each["uid"] for each in data["elements"] if each["type"].endswith(kind)}


def test_the_command(
    odd: Topology,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(["export", "odd.json"]) == 0
    told = capsys.readouterr()
    assert told.out == "odd_gnpy.json\n"
    for words in (
        "4 nodes, 6 links",
        "equal spans of at most 80 km; amplifiers are left to GNPy's design",
        "2 nodes without coordinates: at 0, 0",
        "2 links in one direction only: gnpy-path-request ends without a message",
        "parallel links: gnpy-path-request books the slots of the way back on the first of them",
    ):
        assert words in told.err
    assert cli.main(["import", "odd_gnpy.json", "-o", "back.json"]) == 0
    assert ways(load_topology("back.json")) == ways(odd)
    capsys.readouterr()
    for words, problem in (
        (["odd.json"], "odd_gnpy.json: already exists; choose another name with --to"),
        (["nsfnet"], "unknown topology or file"),
        (["odd.json", "-o", "odd.json/x.json"], "odd.json/x.json: cannot be written"),
    ):
        assert cli.main(["export", *words]) == 2
        assert problem in capsys.readouterr().err
