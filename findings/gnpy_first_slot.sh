#!/usr/bin/env bash
# gnpy 3.0.1: the first request of a network gets a slot in which nothing was propagated.
#
# With the shipped equipment library, channels are propagated from 191.35 THz (SI, f_min) upwards, and GSNR is computed
# for those. Spectrum is assigned from the lowest slot of the amplifiers' band: a request for one channel of 50 GHz
# on GNPy's own mesh example gets N = -284 and M = 4, which is centred at 191.325 THz and ends where the first
# propagated channel has its centre. Its GSNR is an average over channels that it is not one of.
# Seen: "SI from 191.350 THz; N -284, M 4: centre 191.325 THz, 191.300 to 191.350 THz"
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet gnpy==3.0.1
cd "$folder"
"$folder/venv/bin/python" - <<'PY'
import json
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

data = files("gnpy") / "example-data"
services = json.loads((data / "meshTopologyExampleV2_services.json").read_text())
first = services["path-request"][0]
first["path-constraints"]["te-bandwidth"]["trx_mode"] = "mode 1"
Path("services.json").write_text(json.dumps({"path-request": [first]}))
program = str(Path(sys.executable).with_name("gnpy-path-request"))
network = str(data / "meshTopologyExampleV2.json")
subprocess.run([program, network, "services.json", "-o", "results.json"], check=True, capture_output=True)


def values(node: object, key: str) -> list[object]:
    """Return every value of a key, at any depth."""
    if isinstance(node, dict):
        return [v for k, v in node.items() if k == key] + [x for v in node.values() for x in values(v, key)]
    return [x for item in node for x in values(item, key)] if isinstance(node, list) else []


equipment = json.loads((data / "eqpt_config.json").read_text())
f_min = float(values(values(equipment, "SI"), "f_min")[0]) / 1e12
results = json.loads(Path("results.json").read_text())
n, m = int(values(results, "N")[0]), int(values(results, "M")[0])
centre, half = 193.1 + n * 0.00625, m * 0.00625
print(f"SI from {f_min:.3f} THz; N {n}, M {m}: centre {centre:.3f} THz, {centre - half:.3f} to {centre + half:.3f} THz")
assert (round(f_min, 3), n, m) == (191.35, -284, 4), (f_min, n, m)
PY
