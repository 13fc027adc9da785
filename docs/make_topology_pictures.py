"""Write docs/images/topologies/, pictures of the shipped topologies.

`python docs/make_topology_pictures.py`; they are those of `fusion topology NAME`, smaller.
"""

from __future__ import annotations

from pathlib import Path

from fusion.config.shipped import topology_names
from fusion.network.topology import load_topology
from fusion_flows.pictures.files import image
from fusion_flows.pictures.topology import topology_figure
from fusion_flows.report.markdown import small

TARGET = Path(__file__).parent / "images" / "topologies"
DOTS_PER_INCH = 110

if __name__ == "__main__":
    TARGET.mkdir(parents=True, exist_ok=True)
    for name in topology_names():
        figure = topology_figure(load_topology(name), name)
        (TARGET / f"{name}.png").write_bytes(small(image(figure, "png", DOTS_PER_INCH)))
