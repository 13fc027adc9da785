#!/usr/bin/env bash
# topohub 1.5.1: eleven of its 26 SNDlib networks have lengths that are no lengths.
#
# SNDlib gives the nodes of atlanta, di-yuan, france, giul39, newyork, norway, pioro40, sun, ta1, ta2 and zib54
# as pixels of a picture. TopoHub takes them for degrees, folds them onto the globe and computes `dist` in km
# from there: the 45 links of the French network are 2,202 to 17,793 km long. Nothing in the data says so, and no
# length is above half of the way around the Earth, so a check for that finds nothing. Fifteen others are right.
# Seen: "11 networks with links above 15000 km: atlanta di-yuan france ... zib54; france 2202 to 17793 km"
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-deps topohub==1.5.1
cd "$folder"
"$folder/venv/bin/python" - <<'PY'
import json
from importlib.resources import files

longest, spans = {}, {}
for file in (files("topohub") / "data" / "sndlib").iterdir():
    if not file.name.endswith(".json"):
        continue
    data = json.loads(file.read_text())
    km = [link["dist"] for link in data.get("edges", data.get("links"))]
    name = file.name.removesuffix(".json")
    longest[name], spans[name] = max(km), (round(min(km)), round(max(km)))
odd = sorted(name for name, km in longest.items() if km > 15_000)
low, high = spans["france"]
print(f"{len(odd)} networks with links above 15000 km: {' '.join(odd)}; france {low} to {high} km")
expected = "atlanta di-yuan france giul39 newyork norway pioro40 sun ta1 ta2 zib54".split()
assert len(longest) == 26 and odd == expected, (len(longest), odd)
assert (low, high) == (2202, 17793), spans["france"]
assert all(km < 20_016 for km in longest.values()), "half of the way around the Earth"
assert longest["germany50"] < 300, "one whose coordinates are degrees"
PY
