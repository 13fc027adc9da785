#!/usr/bin/env bash
# gnpy 3.0.1: a node whose type is written "Roadm" in a spreadsheet becomes an amplifier site.
#
# gnpy-convert-xls compares the column Type of the sheet "Nodes" with "ROADM" letter by letter, and a site that it
# does not recognise gets amplifiers, like one whose cell is empty. "Roadm" is how GNPy's own JSON spells the type.
# A ring of four cities, all "Roadm" in the spreadsheet, converts with exit code 0 and without a word about it to a
# network of fibres and amplifiers that has neither a ROADM nor a transceiver.
# Seen: "Type ROADM: 4 Roadm, 8 Fiber, 4 Transceiver, 0 Edfa, exit code 0" and
#       "Type Roadm: 0 Roadm, 8 Fiber, 0 Transceiver, 8 Edfa, exit code 0"
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet gnpy==3.0.1 openpyxl==3.1.5
cd "$folder"
"$folder/venv/bin/python" - <<'PY'
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

from openpyxl import Workbook

CITIES = ["Brest", "Lorient", "Rennes", "Vannes"]


def convert(node_type: str) -> tuple[int, str, Counter[str]]:
    """Return exit code, standard error and number of elements of each type, of a ring of four such nodes."""
    book = Workbook()
    nodes, links = book.active, book.create_sheet("Links")
    nodes.title = "Nodes"
    # Headers are in the fifth row of either sheet, and those of links in two rows.
    for _ in range(4):
        nodes.append(["GNPy"])
    nodes.append(["City", "State", "Country", "Region", "Latitude", "Longitude", "Type"])
    for i, city in enumerate(CITIES):
        nodes.append([city, "", "", "", 47.0 + i, -3.0, node_type])
    for _ in range(3):
        links.append(["GNPy"])
    links.append(["Node A", "Node Z", "east"])
    links.append(["", "", "Distance (km)", "Fiber type"])
    for a, z in zip(CITIES, CITIES[1:] + CITIES[:1]):
        links.append([a, z, 80.0, "SSMF"])
    book.save("ring.xlsx")
    command = [str(Path(sys.executable).with_name("gnpy-convert-xls")), "ring.xlsx", "--output", "ring.json"]
    done = subprocess.run(command, capture_output=True, text=True)
    text = Path("ring.json").read_text() if Path("ring.json").exists() else "{}"
    found = json.loads(text)
    found = found.get("gnpy-network-topology:topology", found)
    if isinstance(found, list):
        found = found[0]
    return done.returncode, done.stdout + done.stderr, Counter(e["type"] for e in found.get("elements", []))


seen = {}
for node_type in ("ROADM", "Roadm"):
    code, words, count = convert(node_type)
    kinds = ", ".join(f"{count[kind]} {kind}" for kind in ("Roadm", "Fiber", "Transceiver", "Edfa"))
    print(f"Type {node_type}: {kinds}, exit code {code}")
    assert "roadm" not in words.lower() and "type" not in words.lower(), words
    seen[node_type] = (code, count["Roadm"], count["Transceiver"], count["Edfa"])
assert seen == {"ROADM": (0, 4, 4, 0), "Roadm": (0, 0, 0, 8)}, seen
PY
