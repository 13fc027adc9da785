"""The compiled kernel: compiled once per machine and version, and never stale."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import fusion

PACKAGE = Path(fusion.__file__).parent
KERNEL = sorted((PACKAGE / "kernel").glob("*.py"))


def cache_dir(root: Path) -> str:
    code = "from fusion.kernel import CACHE_DIR; print(CACHE_DIR)"
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True
    )
    return result.stdout


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


def test_an_edit_of_any_kernel_file_gets_a_cache_of_its_own(tmp_path: Path) -> None:
    shutil.copytree(PACKAGE, tmp_path / "fusion", ignore=shutil.ignore_patterns("__pycache__"))
    seen = {cache_dir(tmp_path)}
    for path in KERNEL:
        with (tmp_path / "fusion" / "kernel" / path.name).open("a") as file:
            file.write("# edited\n")
        seen.add(cache_dir(tmp_path))
    assert len(seen) == 1 + len(KERNEL)


def test_first_start_says_that_it_compiles_and_the_second_does_not(tmp_path: Path) -> None:
    environment = {**os.environ, "FUSION_CACHE_DIR": str(tmp_path / "cache")}
    overrides = tmp_path / "tiny.ini"
    overrides.write_text(
        "[general_settings]\nerlang_start = 50\nerlang_stop = 50\nnum_requests = 100\n"
        "max_iters = 2\n[topology_settings]\nnetwork = nsfnet_deeprmsa\n"
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
