#!/usr/bin/env bash
# gnpy 3.0.1: its own example CORONET_CONUS_Topology.json is refused by its own commands.
#
# Since 3.0 a topology is checked against a YANG model, which knows no key "metadata" beside "elements" and
# "connections". CORONET_CONUS has one, a list of city names; without it the file is read. CORONET_Global has none.
# Seen: "as shipped: Node "metadata" not found as a child of "topology" node"; "without metadata: 348 elements read"
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet gnpy==3.0.1
"$folder/venv/bin/python" - "$folder" <<'PY'
import json
import sys
from importlib.resources import files
from pathlib import Path

from gnpy.tools.json_io import load_equipments_and_configs, load_network

data = Path(str(files("gnpy"))) / "example-data"
equipment = load_equipments_and_configs(data / "eqpt_config.json", None, None)
shipped = data / "CORONET_CONUS_Topology.json"
try:
    load_network(shipped, equipment)
except Exception as error:
    told = str(error)
    print(f"as shipped: {told}")
    assert "metadata" in told, told
else:
    raise SystemExit("it is read now")
topology = json.loads(shipped.read_text())
topology.pop("metadata")
mended = Path(sys.argv[1]) / "mended.json"
mended.write_text(json.dumps(topology))
print(f"without metadata: {len(load_network(mended, equipment))} elements read")
PY
