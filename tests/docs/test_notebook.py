"""The notebook runs in a real kernel, and interrupting the kernel leaves no process behind."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import nbformat
import psutil
import pytest
from jupyter_client.manager import KernelManager
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).parents[2] / "examples" / "sweep.ipynb"
LONG = """
import os
from fusion_flows import fusion_sweep
endless = {"general_settings": {"num_requests": 10**7, "max_iters": 999}}
fusion_sweep({"template": "quick", "overrides": endless})
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder to work in, with a home for Prefect and no server."""
    for name in [name for name in os.environ if name.startswith(("PREFECT_", "FUSION_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "prefect"))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    return tmp_path


@pytest.mark.timeout(150)
def test_the_notebook_runs_and_says_what_it_said(folder: Path) -> None:
    saved = nbformat.read(NOTEBOOK, as_version=4)
    ran = nbformat.read(NOTEBOOK, as_version=4)
    NotebookClient(ran, timeout=120, resources={"metadata": {"path": str(folder)}}).execute()
    for before, after in zip(saved.cells, ran.cells, strict=True):
        if "planned.seconds" in before.source or before.cell_type != "code":
            continue  # an estimate of this machine
        tables = [
            [output.get("data", {}).get("text/plain") for output in cell.outputs]
            for cell in (before, after)
        ]
        assert tables[0] == tables[1]
    assert (folder / "runs" / "store").is_dir()


def simulators(folder: Path) -> Iterator[psutil.Process]:
    for process in psutil.process_iter():
        try:
            if process.status() != psutil.STATUS_ZOMBIE and str(folder) in str(process.cmdline()):
                yield process
        except psutil.Error:
            continue


def wait_for_simulators(folder: Path, *, some: bool, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while any("run_points" in str(each.cmdline()) for each in simulators(folder)) != some:
        assert time.monotonic() < deadline
        time.sleep(0.2)


@pytest.mark.slow
@pytest.mark.timeout(150)
def test_an_interrupted_kernel_leaves_no_simulator(folder: Path) -> None:
    kernel = KernelManager(kernel_name="python3")
    kernel.start_kernel(cwd=str(folder), env=dict(os.environ))
    client = kernel.client()
    client.start_channels()
    try:
        client.wait_for_ready(60)
        client.execute(LONG)
        wait_for_simulators(folder, some=True, seconds=90)
        kernel.interrupt_kernel()
        reply = client.get_shell_msg(timeout=60)
        assert reply["content"]["status"] == "error"
        wait_for_simulators(folder, some=False, seconds=10)
    finally:
        client.stop_channels()
        kernel.shutdown_kernel(now=True)
