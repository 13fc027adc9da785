"""The compiled kernel: compiled once per machine and version, and never stale or another's."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from numba.core.errors import TypingError

import fusion
from fusion.results.file_lock import lock
from fusion.results.progress import ProgressReader

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
    assert process.wait(15) == 143, "it does not wait for what is compiled"
    run = json.loads((tmp_path / "output" / "run.json").read_text())
    assert run["exit_reason"] == "interrupted by SIGTERM"


def test_first_start_says_that_it_compiles_and_the_second_does_not(tmp_path: Path) -> None:
    """On a new machine, with a failure, slices and two workers; the second from another installation."""
    overrides = tmp_path / "tiny.ini"
    overrides.write_text(
        "[general_settings]\nerlang_start = 50\nerlang_stop = 50\nnum_requests = 100\n"
        "max_iters = 2\n[topology_settings]\nnetwork = nsfnet_deeprmsa\n"
        "[failure_settings]\nfailure_type = node\nfailed_node_id = 5\n"
        "t_repair_after_arrivals = 10\n[simulation_settings]\nworkers = 2\n"
    )
    shutil.copytree(
        PACKAGE, tmp_path / "fusion", copy_function=shutil.copyfile
    )  # with times of its own
    cache = tmp_path / "cache"
    said, files, told = [], [], []
    for name, folder in (("first", PACKAGE.parent), ("second", tmp_path)):
        result = subprocess.run(
            [
                *(sys.executable, "-m", "fusion.cli.run_sim"),
                *("--config", str(overrides), "--output-dir", str(tmp_path / name)),
            ],
            cwd=folder,
            env={
                **os.environ,
                "FUSION_CACHE_DIR": str(cache),
                "PYTHONPATH": str(folder),
            },
            capture_output=True,
            text=True,
            check=True,
        )
        lines = [
            line.split(maxsplit=3)[3] for line in result.stderr.splitlines() if "compil" in line
        ]
        said.append([line.split()[0] for line in lines])
        events = ProgressReader(tmp_path / name / "progress.jsonl").read()
        told.append([event["type"] for event in events][1:3])
        files.append({path: path.stat().st_mtime_ns for path in cache.rglob("*.nbc")})
    assert said == [["compiling", "compiled"], []]
    assert told == [["compiling", "computing"], ["computing", "erlang_start"]]
    assert files[0] == files[1]
    (time_file,) = cache.glob("kernel-*/times/*.json")
    assert json.loads(time_file.read_text())["seconds"] > 0.1, "how long it took"


SMALL = """
import sys
from pathlib import Path

import numba
from fusion.kernel.cache import kept, observed


def new():
    @numba.njit
    def double(value):
        return value + value

    return kept(double, Path(sys.argv[1]))


def notify(happening):
    print(happening, flush=True)
    if happening == "compiling" and len(sys.argv) > 2:
        sys.stdin.readline()
"""


def small(folder: Path) -> dict[str, Any]:
    """Return what is in `SMALL`, with this folder for what is kept."""
    space: dict[str, Any] = {"__name__": "small"}
    exec(compile(SMALL, "small.py", "exec"), space)
    space["sys"] = SimpleNamespace(argv=["", str(folder)])
    return space


def happenings(space: dict[str, Any], work: Callable[[], Any]) -> tuple[Any, list[str]]:
    """Return what a work returns, and what it compiles."""
    found: list[str] = []
    with space["observed"](found.append):
        return work(), found


def test_two_that_compile_at_once_for_other_types_do_not_get_each_others_code(
    tmp_path: Path,
) -> None:
    space = small(tmp_path)
    first, second, third = space["new"](), space["new"](), space["new"]()
    # The first has seen an empty folder when the second keeps what it compiled.
    saved = second._cache.save_overload
    second._cache.save_overload = lambda *arguments: (first(21), saved(*arguments))
    assert second(1.25) == 2.5
    assert happenings(space, lambda: (third(1.25), third(21))) == ((2.5, 42), [])
    assert {type(each) for each in (third(1.25), third(21))} == {float, int}


def test_two_that_start_at_once_compile_once(tmp_path: Path) -> None:
    script = tmp_path / "start.py"
    script.write_text(SMALL + "with observed(notify):\n    print(new()(21), flush=True)\n")

    def start() -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, str(script), str(tmp_path / "cache"), "wait"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    with start() as first, start() as second:
        assert first.stdout
        assert second.stdout
        said = {first: first.stdout.readline(), second: second.stdout.readline()}
        assert sorted(said.values()) == ["compiling\n", "waiting\n"]
        [compiles] = [process for process, line in said.items() if line == "compiling\n"]
        assert compiles.stdin
        print(file=compiles.stdin, flush=True)
        assert {first.stdout.read(), second.stdout.read()} == {"42\n"}


def test_one_that_waits_goes_on_when_the_other_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "start.py"
    script.write_text(SMALL + "with observed(notify):\n    print(new()(21), flush=True)\n")
    command = [sys.executable, str(script), str(tmp_path / "cache")]
    with subprocess.Popen(
        [*command, "wait"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as first:
        assert first.stdout
        assert first.stdout.readline() == "compiling\n"
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as second:
            assert second.stdout
            assert second.stdout.readline() == "waiting\n"
            first.kill()
            assert second.stdout.read() == "compiling\n42\n"


@pytest.mark.parametrize("damage", [lambda data: data[:100], lambda data: data[:-1] + b"!", None])
def test_what_is_kept_and_damaged_is_compiled_again(
    damage: Callable[[bytes], bytes] | None, tmp_path: Path
) -> None:
    space = small(tmp_path)
    space["new"]()(21)
    [path] = tmp_path.glob("*.nbc")
    path.write_bytes(damage(path.read_bytes()) if damage else b"")
    assert happenings(space, lambda: space["new"]()(21)) == (42, ["compiling"])
    assert happenings(space, lambda: space["new"]()(21)) == (42, [])


def test_what_cannot_be_compiled_lets_others_compile(tmp_path: Path) -> None:
    space = small(tmp_path)
    with pytest.raises(TypingError):
        space["new"]()(None)
    [path] = tmp_path.glob("*.lock")
    with path.open("ab") as file:
        assert lock(file)


def test_what_cannot_be_kept_is_compiled_by_each_process(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    space = small(tmp_path / "file" / "folder")
    for _ in range(2):
        assert happenings(space, lambda: space["new"]()(21)) == (42, ["compiling"])
