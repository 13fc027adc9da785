#!/usr/bin/env bash
# gnpy 3.0.1: a network with a fibre in one direction only is propagated by one command and ends the other in silence.
#
# gnpy-transmission-example over a fibre from A to B, with none back, prints a GSNR like that of the same network
# with both fibres. gnpy-path-request on the same file, with one request from A to B that is not bidirectional, ends
# with exit code 1, writes no results and no error message, nor with -v: path requests need the path back, too, and the
# error that is raised where it is missing is caught.
# Seen: "both: transmission 0, 27.87 dB; path request 0, results" and
#       "one way: transmission 0, 27.87 dB; path request 1, no results, no message"
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet gnpy==3.0.1
cd "$folder"
"$folder/venv/bin/python" - <<'PY'
import json
import re
import subprocess
import sys
from pathlib import Path


def element(kind: str, uid: str, **more: object) -> dict[str, object]:
    place = {"city": uid.split()[-1], "region": "", "latitude": 0, "longitude": 0}
    return {"uid": uid, "type": kind, "metadata": {"location": place}} | more


def network(fibres: list[tuple[str, str]]) -> dict[str, object]:
    elements, connections = [], []
    for city in "AB":
        elements += [element("Transceiver", f"trx {city}"), element("Roadm", f"roadm {city}")]
        connections += [(f"trx {city}", f"roadm {city}"), (f"roadm {city}", f"trx {city}")]
    for a, b in fibres:
        params = {"length": 80.0, "length_units": "km", "loss_coef": 0.2, "con_in": None, "con_out": None}
        elements.append(element("Fiber", f"fiber ({a} -> {b})", type_variety="SSMF", params=params))
        connections += [(f"roadm {a}", f"fiber ({a} -> {b})"), (f"fiber ({a} -> {b})", f"roadm {b}")]
    return {
        "elements": elements,
        "connections": [{"from_node": a, "to_node": b} for a, b in connections],
    }


REQUEST = {
    "request-id": "0",
    "source": "trx A",
    "destination": "trx B",
    "src-tp-id": "trx A",
    "dst-tp-id": "trx B",
    "bidirectional": False,
    "path-constraints": {
        "te-bandwidth": {
            "technology": "flexi-grid",
            "trx_type": "Voyager",
            "trx_mode": "mode 1",
            "effective-freq-slot": [{"N": None, "M": None}],
            "spacing": 50e9,
            "max-nb-of-channel": None,
            "output-power": 0.001,
            "path_bandwidth": 100e9,
        }
    },
}
Path("services.json").write_text(json.dumps({"path-request": [REQUEST]}))


def run(command: str, *arguments: str) -> tuple[int, str]:
    program = str(Path(sys.executable).with_name(command))
    done = subprocess.run([program, *arguments], capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


seen = {}
for name, fibres in (("both", [("A", "B"), ("B", "A")]), ("one way", [("A", "B")])):
    Path("network.json").write_text(json.dumps(network(fibres)))
    Path("results.json").unlink(missing_ok=True)
    code, words = run("gnpy-transmission-example", "network.json", "trx A", "trx B")
    gsnr = re.findall(r"Final GSNR .*?([0-9.]+) dB", words)[-1]
    asked, words = run("gnpy-path-request", "network.json", "services.json", "-o", "results.json")
    results = "results" if Path("results.json").exists() else "no results"
    message = "" if asked == 0 else (", a message" if "revers" in words or "unidir" in words else ", no message")
    print(f"{name}: transmission {code}, {gsnr} dB; path request {asked}, {results}{message}")
    seen[name] = (code, gsnr, asked, results, message)
assert seen == {
    "both": (0, "27.87", 0, "results", ""),
    "one way": (0, "27.87", 1, "no results", ", no message"),
}, seen
code, words = run("gnpy-path-request", "network.json", "services.json", "-o", "results.json", "-v")
assert code == 1 and "revers" not in words and "unidir" not in words, words
PY
