"""Write the pictures of README.md: `python docs/make_readme_pictures.py`.

They show a run of the template quick: its curve, and its network as `fusion topology RUN` draws it, with
fewer colours.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from fusion_flows import fusion
from fusion_flows.command.pictures import topology
from fusion_flows.report.markdown import small

TARGET = Path(__file__).parent / "images"

if __name__ == "__main__":
    result = fusion(template="quick")
    assert result.plot is not None
    (TARGET / "blocking.png").write_bytes(small(result.plot.read_bytes()))
    with tempfile.TemporaryDirectory() as folder:
        png = next(path for path in topology(result.run_id, to=folder) if path.suffix == ".png")
        (TARGET / "utilisation.png").write_bytes(small(png.read_bytes()))
