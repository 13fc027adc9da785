"""Fixtures of all tests. Those that docs/faults.md names are marked `fault`: the table says which."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import defaultdict
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from flows.prefect_server import no_server, server, session_worker, used_home, worker

__all__ = ["no_server", "server", "session_worker", "worker"]  # fixtures of all tests

FAULTS = Path(__file__).parents[1] / "docs" / "faults.md"

# A shell's `&` has the signal ignored, and what is started here would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)


def fault_tests() -> set[tuple[str, str]]:
    """Return file and name of each test that the table names."""
    return set(re.findall(r"`(test_\w+\.py)::(test_\w+)`", FAULTS.read_text(encoding="utf-8")))


COMPILED = (
    "{}",
    "{'general_settings': {'max_segments': 4}}",
    "{'snr_settings': {'snr_type': 'gsnr'}}",
)
"""Overrides of the template `quick` that need an event loop each."""


def pytest_sessionstart(session: pytest.Session) -> None:
    """Do once what several processes of tests would each do: compile, and make a database."""
    is_one_of_several = hasattr(session.config, "workerinput")
    if is_one_of_several or not getattr(session.config.option, "numprocesses", None):
        return
    script = (
        "from fusion import load_config, read_inputs\n"
        "from fusion.simulation.compilation import compile_for; from fusion import make_scenario\n"
        "from fusion.scenario.loops import loop_of\n"
        "config = load_config('quick', {})\n"
        "inputs = read_inputs(config); loop = loop_of(config, inputs.policy)\n"
        "compile_for(make_scenario(config, inputs), loop, print, 'tests follow')\n"
    )
    scripts = [script.format(overrides) for overrides in COMPILED]
    threading.Thread(target=let_long_simulations_wait, daemon=True).start()
    scripts.append("from fusion.learning import EonEnv; EonEnv('quick').reset()")
    calls = [subprocess.Popen([sys.executable, "-c", each]) for each in scripts]
    used_home()
    for call in calls:
        call.wait()  # what does not compile fails where it is tested


def let_long_simulations_wait() -> None:
    """Give way to all else where tests have simulations that go on until they are ended.

    They would take a core each from the tests beside them, which then take longer, and so do they.
    """
    while True:
        time.sleep(1)
        for process in psutil.Process().children(recursive=True):
            with suppress(psutil.Error):
                if any(word.startswith("fusion.cli.") for word in process.cmdline()):
                    for each in (process, *process.children(recursive=True)):  # of a pool, too
                        if each.cpu_times().user > 2.5 and each.nice() == 0:
                            each.nice(10)
                            let_session_wait(each.pid)


def let_session_wait(pid: int) -> None:
    """Give way with all of a process's session, unless it is ours.

    Linux shares the processor among sessions first: there a process's own niceness counts only within its
    session, and each simulation that a flow starts has one of its own.
    """
    with suppress(OSError):  # it has ended, or the system knows no such groups
        if os.getsid(pid) != os.getsid(0):
            ours = int(Path("/proc/self/autogroup").read_text(encoding="ascii").split()[-1])
            Path(f"/proc/{pid}/autogroup").write_text(str(min(ours + 10, 19)), encoding="ascii")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print how long the tests of each folder took together, in all processes."""
    seconds: dict[str, float] = defaultdict(float)
    for reports in terminalreporter.stats.values():
        for report in reports:
            if isinstance(report, pytest.TestReport):
                seconds[Path(report.nodeid.partition("::")[0]).parent.as_posix()] += report.duration
    if len(seconds) > 1:
        terminalreporter.section("seconds by folder")
        for folder, sum_of_folder in sorted(seconds.items(), key=lambda pair: -pair[1]):
            terminalreporter.line(f"{sum_of_folder:8.1f}s {folder}")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark them, and put those that need a server at both ends.

    Of two processes one begins with what mostly waits, and the other ends with it.
    """
    waiting = [item for item in items if "server" in getattr(item, "fixturenames", ())]
    computing = [item for item in items if item not in waiting]
    half = len(waiting) // 2
    items[:] = [*waiting[:half], *computing, *waiting[half:]]
    named = fault_tests()
    for item in items:
        if (item.path.name, item.name.partition("[")[0]) in named:
            item.add_marker(pytest.mark.fault)
