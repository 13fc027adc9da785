"""What is up at one moment, written for other programs: what these read of it."""

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import networkx
import numpy as np
import pandas
import pytest

from fusion import load_config, make_scenario
from fusion.cli.run_sim import main as simulate
from fusion.results.snapshot import rows_of, snapshot_of
from fusion.scenario.inputs import read_inputs
from fusion.simulation.moment import moment_after
from fusion_flows.command import cli
from fusion_flows.command.snapshot import snapshot

pytest.importorskip("pyarrow")
CHANGES = {"general_settings": {"num_requests": 2000, "max_iters": 2, "erlang_stop": 180}}
NETWORK = {
    "directed": False,
    "multigraph": True,
    "nodes": [
        {"id": "A", "name": "Aachen", "longitude": 6.08, "latitude": 50.78},
        {"id": "B", "name": "Bonn", "region": "Rhineland", "longitude": 7.1, "latitude": 50.73},
        {"id": "C", "name": "Celle", "longitude": 10.08, "latitude": 52.62},
    ],
    "edges": [
        {"source": "A", "target": "B", "length_km": 90.5, "name": "new"},
        {"source": "A", "target": "B", "length_km": 150.25, "name": "old"},
        {"source": "B", "target": "C", "length_km": 400},
        {"source": "C", "target": "A", "length_km": 500},
    ],
}
gnpy_installed = pytest.mark.skipif(find_spec("gnpy") is None, reason="GNPy is not installed")


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("PREFECT_API_URL", "FUSION_RUNS_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "home"))


def gnpy(command: str, *arguments: str | Path) -> str:
    """Run a command of GNPy's and return what it prints. Fails where it does."""
    program = Path(sys.executable).with_name(command)
    done = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def services(path: Path) -> list[dict[str, object]]:
    listed: list[dict[str, object]] = json.loads(path.read_text())["path-request"]
    return listed


def granted(told: str) -> dict[str, str]:
    """Return what GNPy says of each service in the last column of its table: its (N, M), or why not.

    Without services that it has joined, as "7 | 6".
    """
    rows = [line.split("|") for line in told.splitlines() if line.startswith("|")]
    (heading,) = (row for row in rows if row[1].strip() == "req id")
    single = [row for row in rows if len(row) == len(heading) and row[1].strip().isdigit()]
    return {row[1].strip(): row[-2].strip() for row in single}


def slots_of(request: dict[str, object]) -> str:
    band = request["path-constraints"]["te-bandwidth"]  # type: ignore[index]
    (slot,) = band["effective-freq-slot"]
    return f"([{slot['N']}],[{slot['M']}])"


@pytest.mark.parametrize("directions", ["shared", "separate"])
def test_networkx_and_pandas_read_what_the_simulator_holds(directions: str) -> None:
    changes = CHANGES | {"topology_settings": {"link_directions": directions}}
    paths = snapshot(
        "quick", overrides=changes, load=160, at=1500, to=["now.graphml", "now.parquet", "now.csv"]
    ).files
    config = load_config("quick", changes)
    scenario = make_scenario(config, read_inputs(config, quiet=True))
    moment = moment_after(scenario, 160, 0, config.warmup_requests(160), 1500)
    used = np.zeros(len(scenario.links), dtype=int)
    network = scenario.network
    for path, width in zip(moment.up.path, moment.up.width, strict=True):
        used[network.links[network.first_hop[path] : network.first_hop[path + 1]]] += width
    assert used.sum() > 500

    graph = networkx.read_graphml(paths[0])
    assert graph.is_directed() == (directions == "separate")
    assert graph.nodes["1"]["name"] == "WA"
    about = {"name": "nsfnet_deeprmsa", "load": 160, "replication": 0, "request": 1500}
    assert about.items() <= graph.graph.items()
    assert [graph.edges[ends]["slots_used"] for ends in scenario.links] == used.tolist()
    for ends, km in zip(scenario.links, scenario.link_km, strict=True):
        edge = graph.edges[ends]
        assert edge["length_km"] == km
        assert edge["slots_used"] + edge["slots_free"] == edge["slots"] == 100
        assert edge["utilisation"] == pytest.approx(edge["slots_used"] / 100)
        runs = [run.split("-") for run in str(edge["occupied"]).removeprefix("c ").split()]
        assert sum(int(run[-1]) - int(run[0]) + 1 for run in runs) == edge["slots_used"]
        assert len(str(edge["carried"]).split()) == edge["lightpaths"]

    frame = pandas.read_parquet(paths[1])
    assert len(frame) == len(moment.up.path)
    assert ((frame.slots + frame.guard_slots) * frame.hops).sum() == used.sum()
    assert frame.lightpath.is_unique
    assert (frame.time_left > 0).all()
    for row in frame.itertuples():
        km = sum(graph.edges[pair]["length_km"] for pair in pairwise(row.path))
        assert row.length_km == pytest.approx(km)
        assert (row.source, row.destination) == (row.path[0], row.path[-1])
    table = pandas.read_csv(paths[2])
    assert table.path.tolist() == ["|".join(path) for path in frame.path]
    assert table.slots.tolist() == frame.slots.tolist()


def test_snapshots_have_the_utilisation_of_the_run(tmp_path: Path) -> None:
    config = tmp_path / "my.ini"
    config.write_text(
        "[general_settings]\nerlang_start = 160\nerlang_stop = 160\nerlang_step = 20\n"
        "num_requests = 20000\nmax_iters = 1\nmod_assumption = deeprmsa_reach\n"
        "[topology_settings]\nnetwork = nsfnet_deeprmsa\n"
    )
    assert simulate(["--config", str(config), "--output-dir", "out"]) == 0
    points = pandas.read_csv("out/points.csv")
    shares = []
    for at in range(4000, 20001, 4000):
        (path,) = snapshot(str(config), at=at, to=["now.graphml"]).files
        edges = networkx.read_graphml(path).edges(data=True)
        shares.append(sum(e["slots_used"] for *_, e in edges) / sum(e["slots"] for *_, e in edges))
    assert np.mean(shares) == pytest.approx(points.utilisation[0], rel=0.1)


@gnpy_installed
def test_gnpy_gives_each_lightpath_its_slots() -> None:
    changes = CHANGES | {"topology_settings": {"link_directions": "shared"}}
    files = snapshot("quick", overrides=changes, load=20, at=1000, to=["now.json"])
    services_file, network, equipment = files.files
    told = gnpy("gnpy-path-request", network, services_file, "--extra-equipment", equipment)
    found = granted(told)
    asked = services(services_file)
    assert len(asked) > 8
    # Services that are alike are joined by GNPy.
    alone = [each for each in asked if each["request-id"] in found]
    assert len(alone) >= len(asked) - 2
    for request in alone:
        assert found[str(request["request-id"])] == slots_of(request)
        assert request["bidirectional"] is True


@gnpy_installed
def test_gnpy_takes_the_fibre_that_the_lightpath_has(tmp_path: Path) -> None:
    Path("net.json").write_text(json.dumps(NETWORK))
    changes = CHANGES | {
        "topology_settings": {"network": "net.json", "link_directions": "shared"},
        "spectrum_settings": {"c_band": 40},
    }
    files = snapshot("quick", overrides=changes, load=40, at=1000, to=["now.json"])
    services_file, network, equipment = files.files
    gnpy(
        *("gnpy-path-request", network, services_file, "--extra-equipment", equipment),
        *("-o", "results.json"),
    )
    routes = {}
    for each in json.loads(Path("results.json").read_text())["gnpy-path-computation:responses"][
        "response"
    ]:
        # Services on the second fibre may get no spectrum, as GNPy books the way back on the first.
        found = each.get("path-properties") or each["no-path"]["path-properties"]
        hops = found["path-route-objects"]
        routes[each["response-id"]] = [
            hop["path-route-object"]["num-unnum-hop"]["node-id"]
            for hop in hops
            if "num-unnum-hop" in hop["path-route-object"]
        ]
    seen = set()
    for request in services(services_file):
        listed = request["explicit-route-objects"]["route-object-include-exclude"]  # type: ignore[index]
        wanted = [hop["num-unnum-hop"]["node-id"] for hop in listed]
        number = str(request["request-id"])
        (route,) = [each for ids, each in routes.items() if number in ids.split(" | ")]
        assert set(wanted) <= set(route)
        seen |= {uid for uid in wanted if uid.startswith("fiber (A -> B)")}
    assert seen == {"fiber (A -> B)-new_(1/2)", "fiber (A -> B)-old_(1/2)"}


@gnpy_installed
def test_a_network_of_gnpy_keeps_its_names() -> None:
    import gnpy as package

    mesh = Path(package.__file__).with_name("example-data") / "meshTopologyExampleV2.json"
    changes = CHANGES | {
        "topology_settings": {"network": str(mesh), "link_directions": "shared"},
    }
    files = snapshot("quick", overrides=changes, load=10, at=500, to=["now.json"])
    services_file, equipment = files.files
    told = gnpy("gnpy-path-request", mesh, services_file, "--extra-equipment", equipment)
    found = granted(told)
    asked = services(services_file)
    assert len(asked) > 3
    assert {str(each["source"])[:4] for each in asked} == {"trx "}
    single = [each for each in asked if each["request-id"] in found]
    assert single
    assert all(found[str(each["request-id"])] == slots_of(each) for each in single)


def test_lightpaths_without_a_way_back_are_left_out_of_services() -> None:
    """gnpy-path-request ended without a message at the first of them."""
    one_way = [*NETWORK["edges"], {"source": "A", "target": "D", "length_km": 80}]
    one_way += [{"source": "D", "target": "B", "length_km": 90}]
    ways = [
        *one_way,
        *({**each, "source": each["target"], "target": each["source"]} for each in one_way[:4]),
    ]
    nodes = [*NETWORK["nodes"], {"id": "D"}]
    Path("net.json").write_text(
        json.dumps({"directed": True, "multigraph": True, "nodes": nodes, "edges": ways})
    )
    changes = CHANGES | {
        "topology_settings": {"network": "net.json", "link_directions": "separate"},
        "spectrum_settings": {"c_band": 40},
    }
    found = snapshot("quick", overrides=changes, load=100, at=1000, to=["now.json", "now.csv"])
    table = pandas.read_csv(found.files[-1])
    over_d = table[table.path.str.contains("D")]
    assert len(over_d) > 1
    asked = services(found.files[0])
    assert len(asked) == len(table) - len(over_d)
    assert not any("D" in str(each["source"]) + str(each["destination"]) for each in asked)
    assert found.remarks[0].startswith(
        f"without {len(over_d)} lightpaths over links in one direction only, on which gnpy-path-request"
    )


@gnpy_installed
def test_light_that_gnpy_has_judged_keeps_its_modes_and_frequencies() -> None:
    import gnpy as package

    example = Path(package.__file__).with_name("example-data")
    mesh, library = example / "meshTopologyExampleV2.json", example / "eqpt_config.json"
    changes = CHANGES | {
        "topology_settings": {"network": str(mesh), "link_directions": "shared"},
        "spectrum_settings": {"c_band": 300},
        "snr_settings": {
            "snr_type": "gnpy",
            "gnpy_equipment": str(library),
            "gnpy_transceiver": "Voyager",
        },
    }
    files = snapshot("quick", overrides=changes, load=10, at=500, to=["now.json"])
    (services_file,) = files.files
    assert files.remarks[-1] == f"gnpy-path-request {mesh} now.json -e {library}"
    found = granted(gnpy("gnpy-path-request", mesh, services_file, "-e", library))
    asked = services(services_file)
    assert len(asked) > 3
    modes = {each["path-constraints"]["te-bandwidth"]["trx_mode"] for each in asked}  # type: ignore[index]
    assert modes <= {"mode 1", "mode 2", "mode 3", "mode 4"}
    single = [each for each in asked if each["request-id"] in found]
    assert single
    assert all(found[str(each["request-id"])] == slots_of(each) for each in single)

    inputs = read_inputs(load_config("quick", changes), quiet=True)
    assert inputs.plant is not None
    (spectrum,) = snapshot(
        "quick",
        overrides=changes,
        load=200,
        at=1000,
        to=["link.json"],
        link="Brest_KLA,Lannion_CAS",
    ).files
    channels = json.loads(spectrum.read_text())["spectrum"]
    assert len(channels) > 3
    edge = inputs.plant.band.first_hz
    places = [(each["f_min"] - each["slot_width"] / 2 - edge) / 12.5e9 for each in channels]
    assert places == pytest.approx([round(place) for place in places])
    assert 0 <= min(places) < max(places) < 300


def test_parallel_fibres_of_a_network_of_gnpy() -> None:
    """Each hop names a fibre of the file in its direction, and no slot of a fibre is there twice."""
    Path("net.json").write_text(json.dumps(NETWORK))
    assert cli.main(["export", "net.json", "-o", "gnpy.json"]) == 0
    fibres = {
        each["uid"]
        for each in json.loads(Path("gnpy.json").read_text())["elements"]
        if each["type"] == "Fiber"
    }
    changes = CHANGES | {
        "topology_settings": {"network": "gnpy.json", "link_directions": "separate"},
        "spectrum_settings": {"c_band": 40},
    }
    found = snapshot("quick", overrides=changes, load=160, at=1000, to=["now.json", "now.csv"])
    table = pandas.read_csv(found.files[-1])
    assert found.files[1].name == "now-equipment.json"
    taken: set[tuple[str, int]] = set()
    for request, row in zip(services(found.files[0]), table.itertuples(), strict=True):
        listed = request["explicit-route-objects"]["route-object-include-exclude"]  # type: ignore[index]
        route = [hop["num-unnum-hop"]["node-id"] for hop in listed]
        names = str(row.links).split("|")
        for a, fibre, b, name in zip(route[:-1:2], route[1::2], route[2::2], names, strict=True):
            ends = f"({a.removeprefix('roadm ')} -> {b.removeprefix('roadm ')})"
            assert fibre in fibres
            assert fibre.startswith(f"fiber {ends}")
            if ends == "(A -> B)":  # the name of a link is that of its fibre ahead
                assert fibre == name
            end = row.first_slot + row.slots + row.guard_slots
            mine = {(fibre, slot) for slot in range(row.first_slot, end)}
            assert not mine & taken
            taken |= mine
    for way in ("A -> B", "B -> A"):
        used = {fibre for fibre, _ in taken if way in fibre}
        assert used == {f"fiber ({way})-new_(1/2)", f"fiber ({way})-old_(1/2)"}


@gnpy_installed
def test_gnpy_propagates_the_spectrum_of_a_link() -> None:
    files = snapshot(
        "quick", overrides=CHANGES, load=160, at=1500, to=["net.json", "now.graphml"]
    ).files
    (spectrum,) = snapshot(
        "quick", overrides=CHANGES, load=160, at=1500, to=["link.json"], link="1,2"
    ).files
    edge = networkx.read_graphml(files[-1]).edges["1", "2"]
    channels = json.loads(spectrum.read_text())["spectrum"]
    assert len(channels) == edge["lightpaths"] > 2
    assert sum(each["slot_width"] for each in channels) == edge["slots_used"] * 12.5e9
    told = gnpy(
        *("gnpy-transmission-example", files[1], "trx 1", "trx 2", "--spectrum", spectrum),
        "--show-channels",
    )
    shown = [
        float(line.split()[1])
        for line in told.splitlines()
        if re.match(r"\s+\d+\s+19\d\.\d+ ", line)
    ]
    assert shown == pytest.approx([each["f_min"] / 1e12 for each in channels], abs=1e-5)


def test_each_format_without_a_name_and_the_summary(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["-s", "num_requests=2000", "-s", "link_directions=shared"]
    assert cli.main(["snapshot", "quick", *words, "--at", "100"]) == 0
    told = capsys.readouterr()
    name = "plots/nsfnet_deeprmsa-snapshot-220-0-100"
    endings = [".json", "-network.json", "-equipment.json", ".graphml", ".parquet", ".csv", ".png"]
    assert told.out.split() == [name + ending for ending in endings]
    assert re.search(
        r"220 Erlang, after request 100 of replication 0: \d+ lightpaths, [\d,]+ of 2,200 slots in "
        r"use \(\d+\.\d %\)",
        told.err,
    )
    assert f"gnpy-path-request {name}-network.json {name}.json --extra-equipment" in told.err


def test_lightpaths_against_each_other_are_counted() -> None:
    found = snapshot("quick", overrides=CHANGES, load=160, at=1500, to=["now.json"])
    assert re.match(
        r"GNPy books both directions of each path: \d+ lightpaths share slots", found.remarks[0]
    )
    assert services(found.files[0])[0]["bidirectional"] is False


def test_several_cores_are_in_tables_and_not_in_services() -> None:
    changes = CHANGES | {"topology_settings": {"cores_per_link": 2}}
    found = snapshot(
        "quick", overrides=changes, load=180, at=1500, core=1, to=["now.json", "now.csv"]
    )
    table = pandas.read_csv(found.files[-1])
    assert set(table.core) == {0, 1}
    assert [int(str(each["request-id"])) for each in services(found.files[0])] == table[
        table.core == 1
    ].lightpath.tolist()
    assert found.remarks[0] == "GNPy has one core: the services are those of core 1"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--at", "0"], "--at 0: must be 1 to 50000"),
        (["-o", "now.txt"], "--to now.txt: must end in .json, .graphml, "),
        (["--format", "gnpi"], "--format gnpi: must be one of gnpy, "),
        (["--format", "csv", "-o", "a.csv", "-o", "b.csv"], "--format: give one for each --to"),
        (["-o", "n.json", "-s", "bw_per_slot=10"], "gnpy: slots of 10 GHz: GNPy counts slots of"),
        (["-o", "n.json", "-s", "l_band=10"], "gnpy: the L band: only the C band is written"),
        (["-o", "n.json", "-s", "c_band=400"], "gnpy: a C band of 5 THz: the amplifiers of GNPy"),
        (["-o", "n.json", "--link", "1,9"], "--link 1,9: no such link; write SOURCE,DESTINATION"),
        (["-o", "/dev/null/x.csv"], "/dev/null/x.csv: cannot be written: "),
    ],
)
def test_what_is_wrong_is_said(
    words: Sequence[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["snapshot", "quick", *words]) == 2
    said = capsys.readouterr().err
    assert told in said
    assert "Traceback" not in said


def test_backups_that_share_slots_use_them_once() -> None:
    changes = CHANGES | {
        "protection_settings": {"protection_mode": "shared_backup", "revert_to_primary": True}
    }
    found = snapshot(
        "quick", overrides=changes, load=140, at=1500, to=["now.graphml", "now.csv", "now.json"]
    )
    table = pandas.read_csv(found.files[1])
    backups = int((table.role == "backup").sum())
    assert backups == (table.role == "working").sum() > 10
    assert len(services(found.files[2])) == backups
    assert "without backups, which share slots, as no two services of GNPy can" in found.remarks
    edges = networkx.read_graphml(found.files[0]).edges(data=True)
    config = load_config("quick", changes)
    scenario = make_scenario(config, read_inputs(config, quiet=True))
    moment = moment_after(scenario, 140, 0, config.warmup_requests(140), 1500)
    network, taken = scenario.network, set()
    for path, start, width in zip(moment.up.path, moment.up.start, moment.up.width, strict=True):
        for link in network.links[network.first_hop[path] : network.first_hop[path + 1]]:
            taken |= {(int(link), int(slot)) for slot in range(start, start + width)}
    assert sum(each["slots_used"] for *_, each in edges) == len(taken)
    held = ((table.slots + table.guard_slots) * table.hops).sum()
    assert held > len(taken)
    assert f"{len(taken):,} of 4,400 slots in use" in found.summary


def test_what_gnpy_cannot_have_is_left_out_where_nobody_asks_for_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ["-s", "num_requests=2000", "-s", "l_band=20", "--at", "100"]
    assert cli.main(["snapshot", "quick", *words]) == 0
    told = capsys.readouterr()
    assert ".graphml" in told.out
    assert ".json" not in told.out
    assert "without the files for GNPy: the L band" in told.err


def test_a_link_that_is_passed_against_its_direction() -> None:
    Path("net.json").write_text(json.dumps(NETWORK))
    config = load_config("quick", CHANGES | {"topology_settings": {"network": "net.json"}})
    topology = read_inputs(config, quiet=True).topology
    head = (
        "source,destination,link,core,band,first_slot,slots,guard_slots,lightpath,role,path_source,"
        "path_destination,bit_rate_gbps,modulation,time_left\n"
    )
    shared = load_config(
        "quick",
        CHANGES | {"topology_settings": {"network": "net.json", "link_directions": "shared"}},
    )
    table = (
        head
        + "B,C,,0,c,4,3,1,1,working,C,A,100.0,QPSK,\nA,B,old,0,c,4,3,1,1,working,C,A,100.0,QPSK,\n"
    )
    (each,) = snapshot_of(shared, topology, rows_of(table)).lightpaths
    assert each.nodes == ("C", "B", "A")
    assert each.width == 4
    assert each.time_left is None
