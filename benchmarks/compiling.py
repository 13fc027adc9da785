"""CPU seconds until each event loop is compiled: `python -m benchmarks.compiling [TREE]`.

Each variant serves some requests in a fresh process, once with an empty kernel cache and once with the cache
that the first left behind; the difference is what compiling costs. With a checkout of another version as
TREE, the same is measured there, turn by turn, and the ratio printed; what that version refuses has no figure
there and counts in neither sum. Neither tree may change while this runs.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

HERE = Path(__file__).parents[1]
RUN = """
import sys, tempfile
from fusion.cli.run_sim import main
with tempfile.TemporaryDirectory() as folder:
    sys.exit(main(["--config", {config!r}, "--output-dir", folder]))
"""
SPLIT = """
import sys
from fusion.cli.rare_events import main
sys.exit(main(["--config", {config!r}]))
"""
LEARN = "from fusion.learning import EonEnv; EonEnv({config!r}).reset(seed=0)"
VARIANTS = {
    "plain": (RUN, {}),
    "all paths": (RUN, {"routing_settings": "path_choice = all"}),
    "slicing": (RUN, {"general_settings": "max_segments = 4"}),
    "grooming": (RUN, {"general_settings": "is_grooming_enabled = true"}),
    "GSNR": (RUN, {"snr_settings": "snr_type = gsnr"}),
    "protection": (RUN, {"protection_settings": "protection_mode = 1plus1"}),
    "importance splitting": (SPLIT, {}),
    "FUSION's conventions": (RUN, {"compatibility_settings": "conventions = fusion"}),
    "environments": (LEARN, {}),
    "environments, GSNR": (LEARN, {"snr_settings": "snr_type = gsnr"}),
}
TINY = {
    "general_settings": "erlang_start = 100\nerlang_stop = 100\nnum_requests = 100\nmax_iters = 2",
    "topology_settings": "network = nsfnet_deeprmsa",
    "simulation_settings": "warmup_requests = 0",
}


def cpu_seconds(script: str, tree: Path, cache: Path) -> float:
    """Return what a script costs in a tree whose kernel cache is in a folder."""
    environment = {**os.environ, "XDG_CACHE_HOME": str(cache), "PYTHONPATH": str(tree)}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=cache, env=environment, capture_output=True, text=True
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def seconds_to_compile(script: str, tree: Path) -> float:
    with tempfile.TemporaryDirectory() as folder:
        cold, warm = (cpu_seconds(script, tree, Path(folder)) for _ in range(2))
    return cold - warm


def main() -> None:
    trees = [HERE, *map(Path.absolute, map(Path, sys.argv[1:2]))]
    total = [0.0] * len(trees)
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "tiny.ini"
        for name, (script, more) in VARIANTS.items():
            sections = {key: [text] for key, text in TINY.items()}
            for section, line in more.items():
                sections.setdefault(section, []).append(line)
            config.write_text(
                "\n".join("\n".join([f"[{key}]", *lines]) for key, lines in sections.items())
            )
            seconds = [seconds_to_compile(script.format(config=str(config)), HERE)]
            for tree in trees[1:]:
                with suppress(RuntimeError):
                    seconds.append(seconds_to_compile(script.format(config=str(config)), tree))
            if len(seconds) == len(trees):
                total = [sum(both) for both in zip(total, seconds, strict=True)]
            print_line(name, seconds)
    print_line("together", total)


def print_line(name: str, seconds: list[float]) -> None:
    ratio = (
        f"   {seconds[1]:6.1f} s there, ratio {seconds[0] / seconds[1]:.2f}" if seconds[1:] else ""
    )
    print(f"{name:>22}: {seconds[0]:6.1f} s of CPU{ratio}", flush=True)


if __name__ == "__main__":
    main()
