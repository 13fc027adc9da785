"""How long a signal leaves a process to end in order."""

import signal
import subprocess
import sys

import pytest

SCRIPT = """
import os, signal, sys, threading, time
from fusion.cli import ending

class Record(ending.NoRecord):
    def end(self, exit_code, reason):
        print(exit_code, reason, flush=True)


signals = ending.Signals()
signals.asks_nothing = lambda: True

def simulate():
    while not signals.{question}():
        time.sleep(0.01)
    time.sleep(ending.ORDERLY_SECONDS + 1)
    return True

threading.Timer(0.3, os.kill, (os.getpid(), {number})).start()
sys.exit(ending.run_to_end(simulate, signals, Record()))
"""


@pytest.mark.parametrize(
    ("question", "code", "told"),
    [
        ("heed", 0, "0 complete\n"),
        ("asks_nothing", 143, "143 interrupted by SIGTERM\n"),
        ("stopped", 143, "143 interrupted by SIGTERM\n"),
    ],
    ids=["writing", "computing", "looking on"],
)
def test_who_has_heard_of_the_signal_may_write_what_there_is(
    question: str, code: int, told: str
) -> None:
    script = SCRIPT.format(question=question, number=int(signal.SIGTERM))
    ended = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60
    )
    assert ended.returncode == code, ended.stderr
    assert ended.stdout == told


MET_BEFORE_US = """
import os, signal, threading
from multiprocessing import forkserver
from fusion.simulation import pool

told = []
signal.signal(signal.SIGTERM, lambda *_: told.append(True))
really = forkserver.read_signed

def read(sentinel):  # while a worker is born, the signal to the whole tree meets the fork server
    os.kill(forkserver._forkserver._forkserver_pid, signal.SIGKILL)
    threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGTERM)).start()
    while True:  # the worker may have been born
        really(sentinel)

forkserver.read_signed = read
print(list(pool.run_tasks(abs, lambda: 1, 2, lambda: bool(told))))
"""


def test_a_signal_that_meets_the_fork_server_first_is_an_orderly_end() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", MET_BEFORE_US], capture_output=True, text=True, timeout=60
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout == "[]\n"
