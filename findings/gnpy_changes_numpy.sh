#!/usr/bin/env bash
# gnpy 3.0.1: importing it changes how numpy prints numbers in the whole process, and matplotlib's SVG with it.
#
# gnpy/core/__init__.py calls numpy.set_printoptions(legacy="1.25"). repr() of a numpy number is then "1.5" and no longer
# "np.float64(1.5)", for all other code as well. matplotlib 3.11.2 makes the ids of clip paths in SVG from such text, so
# that a picture that is drawn with a fixed svg.hashsalt has other bytes after an `import gnpy.core.elements` that has
# nothing to do with it.
# Seen: "np.float64(1.5) became 1.5; the SVG of the same figure is another: True"
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet gnpy==3.0.1 matplotlib==3.11.2 numpy==2.4.6
"$folder/venv/bin/python" - <<'PY'
import io

import matplotlib
import numpy as np

matplotlib.use("Agg")
matplotlib.rcParams["svg.hashsalt"] = "fixed"
from matplotlib.figure import Figure


def svg() -> bytes:
    """Return a picture as SVG, without its date."""
    figure = Figure(figsize=(3, 2), layout="constrained")
    figure.add_subplot().plot([0, 1], [0, 1])
    content = io.BytesIO()
    figure.savefig(content, format="svg", metadata={"Date": None})
    return content.getvalue()


assert svg() == svg()
before, picture = repr(np.float64(1.5)), svg()
import gnpy.core.elements

after, other = repr(np.float64(1.5)), svg()
print(f"{before} became {after}; the SVG of the same figure is another: {picture != other}")
assert (before, after) == ("np.float64(1.5)", "1.5")
assert picture != other
PY
