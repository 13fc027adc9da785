"""The compiled kernel: compiled once per machine and version, and never stale."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

import fusion

PACKAGE = Path(fusion.__file__).parent
KERNEL = sorted((PACKAGE / "kernel").glob("*.py"))


def cache_dir(root: Path, **variables: str) -> str:
    code = "import fusion.kernel, numba; print(fusion.kernel.CACHE_DIR, numba.config.CACHE_DIR)"
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=root,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=True,
    )
    ours, numbas = result.stdout.split()
    assert ours == numbas
    return ours


@pytest.mark.parametrize("path", KERNEL, ids=lambda path: path.name)
def test_kernel_imports_nothing_from_outside_its_folder(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        for name in names:
            ours = name.split(".")[0] == "fusion"
            # The version is in the name of the cache directory.
            assert not ours or name.startswith("fusion.kernel") or name == "fusion", name


EDITS = """
import sys
from pathlib import Path
names = [None, *sorted(path.name for path in Path("fusion/kernel").glob("*.py"))]
for name in names:
    if name:
        with Path("fusion/kernel", name).open("a") as file:
            file.write("# edited\\n")
    for module in [module for module in sys.modules if module.partition(".")[0] == "fusion"]:
        del sys.modules[module]
    import fusion.kernel
    print(fusion.kernel.CACHE_DIR)
"""


def test_an_edit_of_any_kernel_file_gets_a_cache_of_its_own(tmp_path: Path) -> None:
    shutil.copytree(PACKAGE, tmp_path / "fusion", ignore=shutil.ignore_patterns("__pycache__"))
    result = subprocess.run(
        [sys.executable, "-B", "-c", EDITS],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert len(set(result.stdout.split())) == 1 + len(KERNEL)


@pytest.mark.parametrize("variable", ["FUSION_CACHE_DIR", "NUMBA_CACHE_DIR"])
def test_cache_that_the_user_names_is_told_apart_by_content_too(
    variable: str, tmp_path: Path
) -> None:
    found = cache_dir(PACKAGE.parent, **{variable: str(tmp_path)})
    assert Path(found).parent == tmp_path
    assert Path(found).name.startswith("kernel-")


def test_cache_that_cannot_be_written_gives_way_to_a_temporary_one(tmp_path: Path) -> None:
    variables = dict.fromkeys(("FUSION_CACHE_DIR", "XDG_CACHE_HOME", "HOME"), "/dev/null/no")
    found = Path(cache_dir(PACKAGE.parent, TMPDIR=str(tmp_path), **variables))
    assert found.parent.parent == tmp_path
    assert found.name.startswith("kernel-")


def test_signal_while_compiling_ends_in_time(tmp_path: Path) -> None:
    environment = {**os.environ, "FUSION_CACHE_DIR": str(tmp_path / "cache")}
    command = [sys.executable, "-m", "fusion.cli.run_sim", "--config", "quick", "--output-dir"]
    process = subprocess.Popen(
        [*command, str(tmp_path / "output")], env=environment, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    while "compiling" not in process.stderr.readline():
        pass
    time.sleep(1.0)
    process.terminate()
    began = time.monotonic()
    assert process.wait(30) == 143
    assert time.monotonic() - began < 4
    run = json.loads((tmp_path / "output" / "run.json").read_text())
    assert run["exit_reason"] == "interrupted by SIGTERM"


def test_first_start_says_that_it_compiles_and_the_second_does_not(tmp_path: Path) -> None:
    """On a new machine, with a failure and two workers."""
    environment = {**os.environ, "FUSION_CACHE_DIR": str(tmp_path / "cache")}
    overrides = tmp_path / "tiny.ini"
    overrides.write_text(
        "[general_settings]\nerlang_start = 50\nerlang_stop = 50\nnum_requests = 100\n"
        "max_iters = 2\n[topology_settings]\nnetwork = nsfnet_deeprmsa\n"
        "[failure_settings]\nfailure_type = node\nfailed_node_id = 5\n"
        "t_repair_after_arrivals = 10\n[simulation_settings]\nworkers = 2\n"
    )
    said = []
    for name in ("first", "second"):
        result = subprocess.run(
            [
                *(sys.executable, "-m", "fusion.cli.run_sim"),
                *("--config", str(overrides), "--output-dir", str(tmp_path / name)),
            ],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        said.append("compiling" in result.stderr)
    assert said == [True, False]
