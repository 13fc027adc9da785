"""How long a signal leaves a process to end in order."""

import signal
import subprocess
import sys

import pytest

SCRIPT = """
import os, signal, threading, time
from fusion.cli import run_sim

signals = run_sim.Signals()

def simulate():
    if {asks}:
        while not signals.stopped():
            time.sleep(0.01)
    time.sleep(run_sim.ORDERLY_SECONDS + 1)
    return True

threading.Timer(0.3, os.kill, (os.getpid(), {number})).start()
print(run_sim.wait_for_end(simulate, signals, lambda: run_sim.end_at_once(99)))
"""


@pytest.mark.parametrize(("asks", "code"), [(True, 0), (False, 99)], ids=["writing", "computing"])
def test_who_has_heard_of_the_signal_may_write_what_there_is(asks: bool, code: int) -> None:
    script = SCRIPT.format(asks=asks, number=int(signal.SIGTERM))
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=60)
    assert ended.returncode == code, ended.stderr
