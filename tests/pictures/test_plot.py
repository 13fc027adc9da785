"""`fusion plot`: a sweep drawn from what the store has of it."""

import contextlib
import csv
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from fusion.config.config import ConfigError
from fusion.simulation.bounds.bounds import Bounds
from fusion.sweep.point_file import write_points
from fusion.sweep.points import sweep_points
from fusion.sweep.store import Store
from fusion.sweep.sweep_file import read_sweep
from fusion_flows.command import sweeps
from fusion_flows.command.cli import main
from fusion_flows.flows.bound_regions import regions_of_points
from fusion_flows.runs.time_expressions import ArgumentError

SWEEP = """
template = "quick"
[grid]
k_paths = [1, 3]
path_order = ["km", "hops"]
erlang = [5, 150, 200]
[overrides.general_settings]
num_requests = 3000
max_iters = 6
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a sweep of which 10 of 12 points are in its store, one of them unfinished."""
    folder = tmp_path_factory.mktemp("plot")
    (folder / "sweep.toml").write_text(SWEEP)
    sweep, store = read_sweep(folder / "sweep.toml"), Store(folder / "store")
    points = sweep_points(sweep)
    store.describe(points)
    general = points[9].config.general_settings.model_copy(update={"max_iters": 3})
    config = points[9].config.model_copy(update={"general_settings": general})
    points[9] = points[9]._replace(config=config)
    write_points(folder / "points.json", points[:10], sweep.metric)
    words = {"points": "points.json", "store": "store", "progress-file": "progress.jsonl"}
    options = [word for name, value in words.items() for word in (f"--{name}", value)]
    command = [sys.executable, "-m", "fusion.cli.run_points", *options]
    outcomes = ["--outcomes", str(store.new_file())]
    subprocess.run([*command, *outcomes], cwd=folder, check=True, capture_output=True)
    return folder


def plot(folder: Path, *words: str) -> str:
    """Return what the command says."""
    said = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(said):
        patch.chdir(folder)
        patch.setenv("FUSION_STORE_DIR", str(folder / "store"))
        assert main(["plot", "sweep.toml", *words]) == 0
    return said.getvalue()


def drawn(folder: Path, *words: str) -> dict[str, Path]:
    """Return the files that are made, by name."""
    paths = json.loads(plot(folder, *words, "--json"))
    return {Path(path).name: folder / path for path in paths}


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_curves_with_what_is_unfinished_and_what_is_bounded(folder: Path) -> None:
    files = drawn(folder)
    name = "sweep-blocking_probability"
    assert sorted(files) == [f"{name}.{form}" for form in ("csv", "pdf", "png", "svg")]
    rows = table(files[f"{name}.csv"])
    assert len(rows) == 10
    assert [row["complete"] for row in rows].count("False") == 1
    assert {row["estimate"] for row in rows if row["erlang"] == "5.0"} == {"0.0"}
    words = files[f"{name}.svg"].read_text()
    for told in ("incomplete", "nothing blocked: upper bound", "k_paths = 3, hops"):
        assert told in words
    with Image.open(files[f"{name}.png"]) as image:
        assert image.width == 1050
    assert files[f"{name}.pdf"].read_bytes().startswith(b"%PDF")
    assert ">quick<" in words
    untitled = drawn(folder, "--title", "", "--to", "untitled")[f"{name}.svg"].read_text()
    assert ">quick<" not in untitled
    assert "k_paths = 3, hops" in untitled
    said = plot(folder, "--metric", "utilisation", "--to", "elsewhere").splitlines()
    assert "elsewhere/sweep-utilisation.png" in said


def test_the_default_title_is_the_network_of_all_points_where_it_is_not_the_templates(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = folder / "fr.txt"
    network.write_text("1\t2\t300\n2\t3\t100\n1\t3\t200\n")
    file, store = folder / "fr.toml", Store(folder / "fr-store")
    file.write_text(
        'template = "quick"\n[grid]\npath_order = ["km", "hops"]\nerlang = [5]\n'
        '[overrides.topology_settings]\nnetwork = "fr.txt"\n'
        "[overrides.general_settings]\nnum_requests = 1000\nmax_iters = 2\n"
    )
    sweep = read_sweep(file)
    points = sweep_points(sweep)
    store.describe(points)
    write_points(folder / "fr.json", points, sweep.metric)
    command = [sys.executable, "-m", "fusion.cli.run_points", "--points", "fr.json"]
    command += ["--store", "fr-store", "--progress-file", "fr.jsonl"]
    outcomes = ["--outcomes", str(store.new_file())]
    subprocess.run([*command, *outcomes], cwd=folder, check=True, capture_output=True)
    monkeypatch.setenv("FUSION_STORE_DIR", str(store.folder))
    for title, words in ((None, ">fr<"), ("Own", ">Own<")):
        paths = sweeps.plot(file, title=title, to=folder / "titled")
        drawing = next(path for path in paths if path.suffix == ".svg").read_text()
        assert words in drawing
        assert ">quick<" not in drawing


def test_differences_of_an_axis_against_a_value(folder: Path) -> None:
    files = drawn(folder, "--against", "path_order", "--base", "hops")
    rows = table(files["sweep-blocking_probability-path_order.csv"])
    assert {(row["a"], row["b"]) for row in rows} == {("km", "hops")}
    assert len(rows) == 3 + 1
    assert {row["label"] for row in rows} == {
        f"k_paths = {k}, path_order = km minus hops" for k in (1, 3)
    }
    words = files["sweep-blocking_probability-path_order.svg"].read_text()
    assert "hops blocks less" in {row["verdict"] for row in rows}
    assert "path_order = km minus hops: " in words
    assert "of 3 loads" in words
    assert "difference of blocking probability" in words


def test_the_legend_of_differences_names_the_axis_unless_its_values_have_labels(
    folder: Path,
) -> None:
    name = "sweep-blocking_probability-k_paths.csv"
    rows = table(drawn(folder, "--against", "k_paths")[name])
    assert {row["label"] for row in rows} == {
        f"{order}, k_paths = 3 minus 1" for order in ("km", "hops")
    }
    assert "k_paths = 3 blocks less" in {row["verdict"] for row in rows}
    labels = ("--label", "k_paths=3=three paths", "--label", "k_paths=1=one path")
    rows = table(drawn(folder, "--against", "k_paths", *labels, "--to", "labelled")[name])
    assert {row["label"] for row in rows} == {
        f"{order}, three paths minus one path" for order in ("km", "hops")
    }
    assert "three paths blocks less" in {row["verdict"] for row in rows}


def test_a_heat_map_for_each_combination_of_the_other_axes(folder: Path) -> None:
    files = drawn(folder, "--heat-map", "erlang", "k_paths", "--to", "heat")
    name = "sweep-blocking_probability-erlang-k_paths-path_order="
    assert {f"{name}km.png", f"{name}hops.png"} < set(files)
    assert len(table(files[f"{name}km.csv"])) == 6
    assert len(table(files[f"{name}hops.csv"])) == 4
    assert "no result" in files[f"{name}hops.svg"].read_text()


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        ({"metric": "utilization"}, "must be one of blocking_probability, .*mean 'utilisation'"),
        (
            {"against": "path_ordr"},
            "there are k_paths and path_order to compare along; did you mean 'path_order'",
        ),
        (
            {"against": "path_order", "base": "m"},
            "m is not a value of path_order; its values are km, hops",
        ),
        ({"against": "path_order", "metric": "mean_hops"}, "one of blocking_probability, bit_rate"),
        ({"heat_map": ("erlang", "paths")}, "must be one of k_paths, path_order, erlang"),
        ({"heat_map": ("erlang", "erlang")}, "two of the axes k_paths, path_order, erlang"),
        ({"heat_map": ("erlang", "k_paths"), "against": "k_paths"}, "two pictures"),
        ({"base": "km"}, "--base is a value on the axis of --against"),
        ({"to": __file__}, "--to .*test_plot.py: "),
    ],
)
def test_what_cannot_be_drawn_is_told(
    folder: Path, monkeypatch: pytest.MonkeyPatch, wanted: dict[str, Any], told: str
) -> None:
    monkeypatch.setenv("FUSION_STORE_DIR", str(folder / "store"))
    with pytest.raises((ConfigError, ArgumentError), match=told):
        sweeps.plot(folder / "sweep.toml", **{"to": folder / "nowhere", **wanted})
    assert not (folder / "nowhere").exists()


def test_of_a_sweep_without_results_nothing_is_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "sweep.toml").write_text(SWEEP)
    monkeypatch.setenv("FUSION_STORE_DIR", str(tmp_path / "store"))
    monkeypatch.chdir(tmp_path)
    assert main(["plot", "sweep.toml"]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert f"nothing to draw yet: the store {tmp_path / 'store'} has" in told.err
    assert sweeps.plot("sweep.toml", against="path_order") == []
    assert sweeps.plot("sweep.toml", heat_map=("erlang", "k_paths")) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["sweep.toml"]


def test_what_a_paper_asks_of_a_picture(folder: Path) -> None:
    name = "sweep-blocking_probability"
    size = ["--width", "page", "--legend", "right"]
    words = ["--target", "0.01", "--target", "0.1", *size, "--eps", "--to", "paper"]
    files = drawn(folder, *words)
    assert sorted(files) == [f"{name}.{form}" for form in ("csv", "eps", "pdf", "png", "svg")]
    assert "target 0.01, 0.1" in files[f"{name}.svg"].read_text()
    with Image.open(files[f"{name}.png"]) as image:
        assert image.width == 2148
    eps = files[f"{name}.eps"].read_bytes()
    assert b"/FontType 42 def" in eps
    assert b"/FontType 3 def" not in eps
    assert b"CreationDate" not in eps, "the same numbers are the same bytes"
    pdf = files[f"{name}.pdf"].read_bytes()
    assert b"/CIDFontType2" in pdf or b"/TrueType" in pdf
    assert b"/Type3" not in pdf
    no_legend = drawn(folder, "--legend", "none", "--to", "none")[f"{name}.svg"].read_text()
    assert "95 % interval" not in no_legend


def test_some_of_the_curves(folder: Path) -> None:
    name = "sweep-blocking_probability"
    files = drawn(folder, "--only", "path_order=hops", "--to", "only")
    assert {row["path_order"] for row in table(files[f"{name}.csv"])} == {"hops"}
    words = files[f"{name}.svg"].read_text()
    assert "k_paths = 3" in words
    assert "hops" not in words, "it is the same for all"
    policy = drawn(folder, "--only", "policy=KSP-FF", "--only", "k_paths=1", "--to", "policy")
    assert {row["k_paths"] for row in table(policy[f"{name}.csv"])} == {"1"}
    both = drawn(folder, "--only", "k_paths=1", "--only", "k_paths=3", "--to", "both")
    assert len(table(both[f"{name}.csv"])) == 10


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("--only path_order=hop", "path_order has no value hop; it has km, hops; did you mean"),
        ("--only path_orde=hops", "path_orde is not an axis of the sweep; there are k_paths"),
        (
            "--only policy=KSP-BF",
            "policy has no value KSP-BF; it has KSP-FF; did you mean 'KSP-FF'?",
        ),
        ("--only hops", "must be axis=value, such as path_order=hops"),
        ("--limits 1 0.1", "--limits 1 0.1: the first must be the lower one"),
        ("--load-limits 5 5", "--load-limits 5 5: the first must be the lower one"),
        ("--limits 0 1", "0 is not on a logarithmic axis"),
        ("--target 0", "0 is not on a logarithmic axis"),
        ("--target 0.1 --against path_order", "--target is a line in a picture of curves"),
        ("--bound --against path_order", "--bound is a region in a picture of curves"),
        ("--bound --metric utilisation", "--bound: utilisation has no bound; there are bounds on"),
        ("--legend right --heat-map erlang k_paths", "--legend are of curves"),
    ],
)
def test_what_no_picture_can_have_is_told(
    folder: Path, words: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("FUSION_STORE_DIR", str(folder / "store"))
        assert main(["plot", "sweep.toml", *words.split()]) == 2
    assert told in capsys.readouterr().err


def test_a_bound_is_behind_the_curves_that_it_is_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Once for each network and traffic, at the loads of the sweep, on the requests of its points."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FUSION_STORE_DIR", "store")
    Path("sweep.toml").write_text(
        'template = "quick"\n[grid]\nc_band = [100, 80]\nk_paths = [1, 2]\nerlang = [250, 320]\n'
        "[overrides.general_settings]\nnum_requests = 1000\nmax_iters = 2\n"
        "[overrides.simulation_settings]\nwarmup_requests = 500\n"
    )
    sweep, store = read_sweep("sweep.toml"), Store(Path("store"))
    points = sweep_points(sweep)
    store.describe(points)
    write_points(Path("points.json"), points, sweep.metric)
    command = [sys.executable, "-m", "fusion.cli.run_points", "--points", "points.json"]
    command += ["--store", "store", "--progress-file", "progress.jsonl"]
    outcomes = ["--outcomes", str(store.new_file())]
    subprocess.run([*command, *outcomes], check=True, capture_output=True)

    assert main(["plot", "sweep.toml", "--bound"]) == 0
    svg = Path("plots/sweep-blocking_probability.svg").read_text()
    assert all(word in svg for word in ("no policy can be here", "c_band = 100", "c_band = 80"))
    assert main(["plot", "sweep.toml", "--to", "plain"]) == 0
    assert "no policy can be here" not in Path("plain/sweep-blocking_probability.svg").read_text()
    capsys.readouterr()

    _, states, _ = sweeps.states_of("sweep.toml")
    everybody, few, of_80, _ = regions_of_points(states, "blocking_probability")
    for region, slots in ((everybody, 100), (of_80, 80)):
        of_slots = [point for point in points if point.axes["c_band"] == slots]
        assert region.keys == {point.key for point in of_slots}
        bounds = Bounds(of_slots[0].config, of_slots[0].inputs, approximations=False)
        expected = [bounds.at(load, 2).row for load in (250.0, 320.0)]
        assert list(region.points) == [
            (row["erlang"], pytest.approx(row["clairvoyant_bound"])) for row in expected
        ]
    assert everybody.points[1][1] > 0.01
    assert few.points[1][1] > 0.01
    (by_bit_rate, _) = regions_of_points(states, "bit_rate_blocking_probability")
    assert by_bit_rate.points != everybody.points
