"""What is installed, without the checkout: the wheel has all that its commands and texts name, and works."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from fusion_flows.command.examples import EXAMPLES, FIRST_STEPS

from .prefect_server import ROOT, Prefect, free_port, wait_for

BUILD = """
import os, sys, hatchling.build
os.chdir(sys.argv[1])
print(hatchling.build.build_wheel(sys.argv[2]))
"""


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with what the wheel has, built by the real back end."""
    pytest.importorskip("hatchling")
    folder = tmp_path_factory.mktemp("wheel")
    built = subprocess.run(
        [sys.executable, "-c", BUILD, str(ROOT), str(folder)],
        capture_output=True,
        text=True,
        check=True,
    )
    with zipfile.ZipFile(folder / built.stdout.strip()) as wheel:
        wheel.extractall(folder / "unpacked")
    return folder / "unpacked"


def test_the_wheel_has_all_that_is_no_module(unpacked: Path) -> None:
    tracked = subprocess.run(
        ["git", "ls-files", "fusion", "fusion_flows"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    tracked = [
        name for name in tracked if (ROOT / name).exists()
    ]  # else deleted, not yet committed
    assert [name for name in tracked if not (unpacked / name).is_file()] == []

    deployed = yaml.safe_load((unpacked / "fusion_flows" / "prefect.yaml").read_text())
    assert deployed == yaml.safe_load((ROOT / "prefect.yaml").read_text())
    for deployment in deployed["deployments"]:
        module, _, flow = deployment["entrypoint"].rpartition(".")
        source = unpacked / f"{module.replace('.', '/')}.py"
        assert f"def {flow}(" in source.read_text(encoding="utf-8")

    mine = {path.relative_to(ROOT) for path in (ROOT / "examples").rglob("*") if path.is_file()}
    mine = {path for path in mine if "__pycache__" not in path.parts}
    package = unpacked / "fusion_flows"
    assert {
        p.relative_to(package) for p in (package / "examples").rglob("*") if p.is_file()
    } == mine
    studies = ROOT / "fusion" / "shipped" / "studies"
    shipped = unpacked / "fusion" / "shipped" / "studies"
    files = {path.relative_to(studies) for path in studies.rglob("*") if path.is_file()}
    assert len(files) > 20
    assert {path.relative_to(shipped) for path in shipped.rglob("*") if path.is_file()} == files
    assert not list(unpacked.rglob("__pycache__"))
    assert sorted(path.name for path in unpacked.iterdir() if "dist-info" not in path.name) == [
        "fusion",
        "fusion_flows",
    ]


def test_no_link_in_what_is_installed_leads_nowhere(unpacked: Path) -> None:
    """A notebook led to ../docs, which only a checkout has."""
    texts = [
        path
        for path in unpacked.rglob("*")
        if path.suffix in (".ipynb", ".md", ".toml", ".yaml", ".ini", ".json", ".html", ".txt")
        or path.name == "METADATA"
    ]
    assert {".ipynb", ".toml", ".yaml", ".ini", ""} <= {path.suffix for path in texts}
    links = [
        (path, link)
        for path in texts
        for link in re.findall(
            r"\]\(([^)\s]+)\)|(?:href|src)=[\\]?[\"']([^\"'\\]+)", path.read_text(encoding="utf-8")
        )
    ]
    nowhere = [
        (str(path.relative_to(unpacked)), place)
        for path, found in links
        for place in ["".join(found).partition("#")[0]]
        if place and not re.match(r"[a-z]+:|\{", place) and not (path.parent / place).exists()
    ]
    assert nowhere == []


def test_what_helps_name_is_there_in_an_empty_folder(unpacked: Path, tmp_path: Path) -> None:
    code = """
import os, sys
from fusion_flows.command import deploy
from fusion_flows.command import cli, doctor

def shipped_files():
    (found,) = [one for one in doctor.doctor() if one.subject == "shipped files"]
    return found

assert deploy.__file__.startswith(sys.argv[1]), deploy.__file__
assert deploy.prefect_file().is_file(), deploy.prefect_file()
assert shipped_files().verdict == "ok" and sys.argv[1] in shipped_files().found
assert cli.main(["plan", "examples/path_orders.toml"]) == 2
assert cli.main(["examples"]) == 0
assert cli.main(["plan", "examples/path_orders.toml"]) == 0
open("examples/policies.toml", "a").write("# mine")
assert cli.main(["examples"]) == 0
assert open("examples/policies.toml").read().endswith("# mine")

os.rename(deploy.prefect_file(), "prefect.yaml")
try:
    files = shipped_files()
    assert files.verdict == "problem" and "prefect.yaml is missing" in files.found, files
finally:
    os.rename("prefect.yaml", f"{sys.argv[1]}/fusion_flows/prefect.yaml")
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(unpacked)],
        cwd=tmp_path,
        env={**plain(tmp_path), "PYTHONPATH": str(unpacked)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "`fusion examples` writes the examples" in done.stderr
    assert re.search(
        r"^examples/policies\.toml .* \(not overwritten: you have changed it\)$", done.stdout, re.M
    )
    named = re.findall(r"\bexamples/[\w./]*\w", "".join((*EXAMPLES.values(), FIRST_STEPS)))
    assert named
    assert [name for name in named if not (tmp_path / name).is_file()] == []


def plain(folder: Path) -> dict[str, str]:
    """Return an environment with a Prefect home of its own, and nothing of this checkout."""
    left_out = ("PREFECT_", "FUSION_", "PYTHONPATH", "VIRTUAL_ENV")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
    return {**kept, "PREFECT_HOME": str(folder / "prefect"), "DO_NOT_TRACK": "1"}


# --- installed for real, from the package index ----------------------------------------------------


class Installed:
    """The wheel in an environment of its own, used from an empty folder."""

    def __init__(self, folder: Path, *, constrained: bool) -> None:
        self.folder = folder
        self.bin = folder / "environment" / "bin"
        self.empty = folder / "empty"
        self.empty.mkdir()
        self.environment = plain(folder)
        if constrained:  # for the tools that build it, too
            for name in ("PIP_CONSTRAINT", "PIP_BUILD_CONSTRAINT"):
                self.environment[name] = str(ROOT / "constraints.txt")
        subprocess.run([sys.executable, "-m", "venv", self.bin.parent], check=True)
        self.run("python -m pip install --quiet build twine")
        self.run(f"python -m build --outdir {folder / 'dist'} {ROOT}")
        assert "PASSED with warnings" not in self.run(f"twine check --strict {folder}/dist/*")
        (wheel,) = (folder / "dist").glob("*.whl")
        self.run(f"python -m pip install --quiet {wheel}")

    def run(self, command: str, seconds: float = 600) -> str:
        """Run a command of the environment in the empty folder; return what it prints."""
        done = subprocess.run(
            f"{self.bin}/{command}",
            shell=True,
            cwd=self.empty,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        return done.stdout

    def start(self, command: str, log: str) -> subprocess.Popen[bytes]:
        """Start a command of the environment in a session of its own, as in a terminal."""
        program, *words = shlex.split(command)
        with (self.folder / log).open("ab") as output:
            return subprocess.Popen(
                [self.bin / program, *words],
                cwd=self.empty,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )


@pytest.fixture(scope="module", params=["constrained", "newest"])
def installed(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Installed:
    """Return the wheel with the versions of constraints.txt, and with what pip takes without."""
    folder = tmp_path_factory.mktemp(request.param)
    return Installed(folder, constrained=request.param == "constrained")


@pytest.fixture
def started() -> Iterator[list[subprocess.Popen[bytes]]]:
    """Return a list: what a failed test leaves of those in it is killed."""
    processes: list[subprocess.Popen[bytes]] = []
    yield processes
    for process in processes:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


SWEEP = """
template = "quick"
[grid]
k_paths = [1, 2]
erlang = [150, 200]
[overrides.general_settings]
num_requests = 2000
max_iters = 3
"""


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_wheel_works_in_an_empty_folder(
    installed: Installed, started: list[subprocess.Popen[bytes]]
) -> None:
    run, empty = installed.run, installed.empty
    assert "from 140 to 220 Erlang" in run("fusion validate quick")
    points = json.loads(run("fusion run quick --json"))["points"]
    assert points[0]["blocking_probability"] == pytest.approx(0.007226, abs=1e-6)
    run("python -m pip check")
    run("fusion examples")
    assert "135 points, 0 complete" in run("fusion plan examples/path_orders.toml")

    port = free_port()
    url = f"http://127.0.0.1:{port}"
    up = installed.start(f"fusion up --port {port}", "up.log")
    started.append(up)
    said = installed.folder / "up.log"

    def is_up() -> bool:
        assert up.poll() is None, said.read_text()
        return "Ctrl-C stops" in said.read_text()

    wait_for(is_up, 180, "fusion up")
    run("fusion set-up")
    checks = json.loads(run("fusion doctor --json"))
    assert {one["verdict"] for one in checks} == {"ok"}, checks

    prefect = Prefect(f"{url}/api", installed.folder, installed.environment)
    submitted = json.loads(run("fusion run quick --detach --json --name detached"))
    finished = prefect.finished(submitted["flow_run_id"], 180)
    assert finished["state_type"] == "COMPLETED", prefect.log(submitted["flow_run_id"])
    assert (empty / "runs" / submitted["run_id"] / "output" / "points.csv").is_file()
    assert "detached" in run("fusion runs")

    (empty / "sweep.toml").write_text(SWEEP)
    run("fusion sweep sweep.toml")
    assert "4 points, 4 complete" in run("fusion plan sweep.toml")
    assert run("fusion plot sweep.toml")
    assert run("fusion compare sweep.toml k_paths")
    run("fusion report sweep.toml --to sweep.html")
    assert "<html" in (empty / "sweep.html").read_text(encoding="utf-8")
    detached = json.loads(run("fusion sweep sweep.toml --detach --json"))
    assert prefect.finished(detached["flow_run_id"], 180)["state_type"] == "COMPLETED"

    os.killpg(up.pid, signal.SIGINT)
    assert up.wait(120) == 0, said.read_text()


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_flow_is_served_from_the_wheel(
    installed: Installed, started: list[subprocess.Popen[bytes]]
) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}/api"
    server = installed.start(f"python -m fusion_flows.server start --port {port}", "server.log")
    started.append(server)
    prefect = Prefect(url, installed.folder, installed.environment)

    def answers() -> bool:
        try:
            return prefect.api("GET", "health") is True
        except OSError:
            return False

    wait_for(answers, 180, "the server")
    installed.environment["PREFECT_API_URL"] = url
    try:
        served = installed.start("python -m fusion_flows.serve", "served.log")
        started.append(served)
        wait_for(lambda: "sim" in prefect.deployments(), 120, "the deployment")
        run_id = prefect.submit("fusion/sim", template="quick")
        assert prefect.finished(run_id, 240)["state_type"] == "COMPLETED", prefect.log(run_id)
    finally:
        del installed.environment["PREFECT_API_URL"]
