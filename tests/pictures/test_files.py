import csv
import io
import os
import subprocess
import sys
from pathlib import Path

import matplotlib
import pytest
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from PIL import Image

from fusion_flows.pictures.curves import sweep_figure
from fusion_flows.pictures.files import images, save_with_data
from fusion_flows.pictures.style import STYLE

from .drawn import METRIC, point, sweep

SAVED = """
from pathlib import Path
from fusion_flows.pictures.curves import sweep_figure
from fusion_flows.pictures.files import save_with_data
from tests.pictures.drawn import METRIC, sweep
rows = sweep({"k_paths": [1, 2]})
save_with_data(sweep_figure(rows, ["k_paths", "erlang"], METRIC, "a"), rows, Path("FOLDER"), "sweep")
"""


def test_files_have_the_numbers_no_dates_and_the_same_bytes_in_another_process(
    tmp_path: Path,
) -> None:
    rows = sweep({"k_paths": [1, 2]})
    figure = sweep_figure(rows, ["k_paths", "erlang"], METRIC, "a")
    save_with_data(figure, rows, tmp_path / "one", "sweep")
    names = ["sweep.csv", "sweep.pdf", "sweep.png", "sweep.svg"]
    assert sorted(path.name for path in (tmp_path / "one").iterdir()) == names
    with (tmp_path / "one" / "sweep.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    assert list(table[0]) == list(rows[0])
    assert [float(line["estimate"]) for line in table] == [row["estimate"] for row in rows]
    assert [line["complete"] for line in table] == [str(row["complete"]) for row in rows]
    pdf = (tmp_path / "one" / "sweep.pdf").read_bytes()
    assert b"Type3" not in pdf
    assert b"/CIDFontType2" in pdf
    for name in names:
        assert not any(
            word in (tmp_path / "one" / name).read_bytes() for word in (b"Date>", b"dc:date")
        )
    with Image.open(tmp_path / "one" / "sweep.png") as image:
        assert image.info["dpi"] == pytest.approx((300, 300), abs=0.1)
        assert image.width == 1050  # a column of a page
    code = SAVED.replace("FOLDER", str(tmp_path / "other"))
    environment = {**os.environ, "PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo"}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "other" / name).read_bytes()


def test_a_file_that_cannot_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    rows = [point(100, 1e-3)]
    (tmp_path / "sweep.png").write_bytes(b"old")
    (tmp_path / ".sweep.png.tmp").mkdir()  # stands in the way
    with pytest.raises(OSError, match=r"sweep\.png"):
        save_with_data(sweep_figure(rows, ["erlang"], METRIC, ""), rows, tmp_path, "sweep", dpi=50)
    assert (tmp_path / "sweep.png").read_bytes() == b"old"


def test_rows_with_other_columns_all_reach_the_file(tmp_path: Path) -> None:
    rows = [point(100, 1e-3), point(200, 1e-2) | {"note": "one, two"}]
    save_with_data(sweep_figure(rows, ["erlang"], METRIC, ""), rows, tmp_path, "sweep", dpi=50)
    with (tmp_path / "sweep.csv").open(newline="") as file:
        assert [line["note"] for line in csv.DictReader(file)] == ["", "one, two"]


def test_a_figure_is_laid_out_once_and_drawn_once_for_each_form_as_savefig_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = sweep({"k_paths": [1, 2]})
    figure = sweep_figure(rows, ["k_paths", "erlang"], METRIC, "a")
    engine, canvas, size = figure.get_layout_engine(), figure.canvas, figure.dpi
    drawn, laid_out = [], []
    draw, execute = Figure.draw, ConstrainedLayoutEngine.execute
    monkeypatch.setattr(Figure, "draw", lambda *given: (drawn.append(1), draw(*given))[1])
    monkeypatch.setattr(
        ConstrainedLayoutEngine,
        "execute",
        lambda *given: (laid_out.append(1), execute(*given))[1],
    )
    png, svg = images(figure, ("png", "svg"), 200)
    assert (len(drawn), len(laid_out)) == (2, 1)
    assert svg.startswith(b"<?xml")
    assert (figure.get_layout_engine(), figure.canvas, figure.dpi) == (engine, canvas, size)
    expected = io.BytesIO()
    with matplotlib.rc_context(STYLE):
        again = sweep_figure(rows, ["k_paths", "erlang"], METRIC, "a")
        again.savefig(expected, format="png", dpi=200)
    one, other = (Image.open(data).convert("RGB") for data in (io.BytesIO(png), expected))
    assert one.tobytes() == other.tobytes()
