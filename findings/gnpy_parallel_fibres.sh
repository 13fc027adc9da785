#!/usr/bin/env bash
# gnpy 3.0.1: the way back of a request over the second of two fibres is booked on the first one.
#
# Two nodes with two fibre pairs, and two requests that are not bidirectional, each with the fibre that it takes in its
# route, both in the slots N = -284, M = 4. The routes are followed, and no two requests share a fibre. The second one gets
# NO_SPECTRUM all the same: gnpy-path-request books the slots of a path back as well, and takes the first line
# between the two nodes for that of either fibre. So a network with parallel fibres has no more room than one without.
# Seen: "fibre 1 and fibre 2, same slots: granted, NO_SPECTRUM; other slots: granted, granted"
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet gnpy==3.0.1
cd "$folder"
"$folder/venv/bin/python" - <<'PY'
import json
import subprocess
import sys
from pathlib import Path

PLACE = {"location": {"city": "", "region": "", "latitude": 0, "longitude": 0}}
elements, connections = [], []
for city in "AB":
    elements += [
        {"uid": f"trx {city}", "type": "Transceiver", "metadata": PLACE},
        {"uid": f"roadm {city}", "type": "Roadm", "metadata": PLACE},
    ]
    connections += [(f"trx {city}", f"roadm {city}"), (f"roadm {city}", f"trx {city}")]
for number in (1, 2):
    for a, b in ("AB", "BA"):
        uid = f"fiber ({a} -> {b})-{number}"
        params = {"length": 80.0, "length_units": "km", "loss_coef": 0.2, "con_in": None, "con_out": None}
        fibre = {"uid": uid, "type": "Fiber", "type_variety": "SSMF", "params": params, "metadata": PLACE}
        elements.append(fibre)
        connections += [(f"roadm {a}", uid), (uid, f"roadm {b}")]
network = {
    "elements": elements,
    "connections": [{"from_node": a, "to_node": b} for a, b in connections],
}
Path("network.json").write_text(json.dumps(network))


def request(number: int, n: int) -> dict[str, object]:
    hops = ["roadm A", f"fiber (A -> B)-{number}", "roadm B"]
    route = [
        {
            "explicit-route-usage": "route-include-ero",
            "index": index,
            "num-unnum-hop": {"node-id": uid, "link-tp-id": "link-tp-id is not used", "hop-type": "STRICT"},
        }
        for index, uid in enumerate(hops)
    ]
    return {
        "request-id": str(number),
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
                "effective-freq-slot": [{"N": n, "M": 4}],
                "spacing": 50e9,
                "path_bandwidth": 100e9,
            }
        },
        "explicit-route-objects": {"route-object-include-exclude": route},
    }


def outcome(second: int) -> str:
    services = {"path-request": [request(1, -284), request(2, second)]}
    Path("services.json").write_text(json.dumps(services))
    program = str(Path(sys.executable).with_name("gnpy-path-request"))
    command = [program, "network.json", "services.json", "-o", "results.json"]
    subprocess.run(command, check=True, capture_output=True)
    results = json.loads(Path("results.json").read_text())["gnpy-path-computation:responses"]["response"]
    words = []
    for each in results:
        blocked = each.get("no-path", {})
        route = (blocked or each)["path-properties"]["path-route-objects"]
        assert f"fiber (A -> B)-{each['response-id']}" in json.dumps(route), route
        words.append(blocked.get("no-path", "granted"))
    return ", ".join(words)


same, other = outcome(-284), outcome(-200)
print(f"fibre 1 and fibre 2, same slots: {same}; other slots: {other}")
assert (same, other) == ("granted, NO_SPECTRUM", "granted, granted"), (same, other)
PY
