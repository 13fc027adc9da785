"""Files that a submitted run names: their content goes along, wherever they lie."""

import json
from pathlib import Path
from typing import Any

import pytest

from fusion.config.config import ConfigError, load_config, to_ini
from fusion.config.relevant_fields import relevant_fields
from fusion.scenario.policy.file import read_policy
from fusion_flows.command import submission
from fusion_flows.command.sweeps import sweep_parameters
from fusion_flows.rundir import directory as rundir
from fusion_flows.rundir import sent_files
from fusion_flows.server import address as server_address
from fusion_flows.server.address import LivingServer, ServerFile

from . import in_process
from .prefect_server import Prefect

RING = "a b 100\nb c 200\nc d 300\nd a 400\na c 250\n"


def test_what_was_sent_is_received(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    (here / "my ring (2).txt").write_text(RING)
    overrides: dict[str, Any] = {
        "topology_settings": {"network": str(here / "my ring (2).txt"), "cores_per_link": 1},
        "general_settings": {"num_requests": 100, "mod_assumption_path": ""},
    }
    sent = sent_files.send({"template": "quick", "overrides": overrides}, ())
    assert "ring" not in json.dumps(sent["overrides"]["general_settings"])
    assert str(here) not in json.dumps(sent), "no path leads back"
    assert sent["template"] == "quick"
    (here / "my ring (2).txt").unlink()
    received = sent_files.receive(sent, there)["overrides"]
    network = Path(received["topology_settings"]["network"])
    assert network.is_relative_to(there)
    assert network.read_text() == RING
    assert received["general_settings"] == overrides["general_settings"]
    assert sent_files.receive(sent, there) == {"template": "quick", "overrides": received}, (
        "a retry finds the same files"
    )


def test_a_policy_is_sent_with_the_files_that_it_imports(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "from helpers import first\n\ndef choose(request):\n    return first(request)\n"
    )
    (tmp_path / "helpers.py").write_text("def first(request):\n    return 0, 0, 0\n")
    before = read_policy(f"{tmp_path}/mine.py:choose")
    sent = sent_files.send({"policy": f"{tmp_path}/mine.py:choose"}, ())
    received = sent_files.receive(sent, tmp_path / "there")["policy"]
    assert received.startswith(str(tmp_path / "there"))
    assert read_policy(received).key == before.key


def test_the_axes_of_a_sweep_are_sent(tmp_path: Path) -> None:
    for name, text in (("a/near.txt", RING), ("b/far.txt", RING.replace("100", "900"))):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(text)
    sweep = {
        "template": "quick",
        "overrides": {"general_settings": {"num_requests": 100, "max_iters": 2}},
        "grid": {
            "network": [str(tmp_path / "a/near.txt"), str(tmp_path / "b/far.txt"), "NSFNet"],
            "erlang": [10],
        },
    }
    sent = sweep_parameters(sweep)["sweep"]
    received = sent_files.receive(sent, tmp_path / "there")
    *files, shipped = received["grid"]["network"]
    assert shipped == "NSFNet"
    assert [Path(each).name for each in files] == ["near.txt", "far.txt"]
    assert [Path(each).read_text().split()[2] for each in files] == ["100", "900"]


def test_an_axis_over_k_paths_counts_also_where_fusions_file_has_none(tmp_path: Path) -> None:
    """Without it FUSION takes every path for the last, which must not be sent with an axis that gives it."""
    study = tmp_path / "study.ini"
    study.write_text(
        "[general_settings]\nnum_requests = 100\nmax_segments = 4\ncan_partially_serve = True\n"
        "[compatibility_settings]\nconventions = fusion\n"
    )
    for axes, in_file in (({"k_paths": [2, 4]}, None), ({"guard_slots": [0, 1]}, 1)):
        sent = sweep_parameters({"template": str(study), "grid": axes | {"erlang": [300]}})["sweep"]
        assert sent["sent_settings"]["compatibility_settings"].get("k_paths_in_file") == in_file
        for k in axes.get("k_paths", ()):
            here = load_config(study, {"routing_settings": {"k_paths": k}})
            there = load_config(
                "default", sent["sent_settings"] | {"routing_settings": {"k_paths": k}}
            )
            assert relevant_fields(there) == relevant_fields(here)


@pytest.mark.parametrize(
    "text",
    [
        "sent-file:",
        "sent-file:ring.txt",
        "sent-file:ring.txt=eJw",
        "sent-file:ring.txt=AAAA",
        "sent-file:ring.txt=" + "x" * 1000,
    ],
)
def test_what_was_not_packed_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match=r"network = sent-file:.*is not a file that was sent"):
        sent_files.receive({"topology_settings": {"network": text}}, tmp_path / "there")
    assert sent_files.receive({"name": text}, tmp_path) == {"name": text}, "it is not a file there"


@pytest.mark.parametrize("name", ["../../x.txt", "/etc/x.txt", "..", ".hidden", "a\0b", "a" * 200])
def test_no_name_leads_out_of_the_folder(tmp_path: Path, name: str) -> None:
    from fusion_flows.rundir.sent_files import _entry

    folder = tmp_path / "runs" / "there"
    text = f"sent-file:{_entry(name, b'1')}"
    received = sent_files.receive({"network": text}, folder)["network"]
    assert Path(received).parent.parent == folder
    assert [each for each in tmp_path.rglob("*") if each.is_file()] == [Path(received)]


def test_too_much_is_refused_where_the_worker_may_not_read_it(tmp_path: Path) -> None:
    import random

    drawn = random.Random(1)
    large = tmp_path / "large.txt"
    large.write_text("".join(f"n{drawn.random()} n{drawn.random()} 1\n" for _ in range(30_000)))
    parameters = {"overrides": {"topology_settings": {"network": str(large)}}}
    assert sent_files.send(parameters, None) == parameters, "only the worker knows"
    assert sent_files.send(parameters, (tmp_path,)) == parameters
    with pytest.raises(ConfigError, match=r"network = .*is too large to be sent to a worker"):
        sent_files.send(parameters, (tmp_path / "elsewhere",))


def test_a_run_and_a_sweep_with_a_file_outside_complete(worker: Prefect, tmp_path: Path) -> None:
    (tmp_path / "ring.txt").write_text(RING)
    (tmp_path / "mine.ini").write_text(
        "[general_settings]\nnum_requests = 500\nmax_iters = 2\nerlang_start = 10\nerlang_stop = 10\n"
        "[topology_settings]\nnetwork = ring.txt\n"
    )
    (tmp_path / "sweep.toml").write_text(
        'template = "quick"\n[overrides.general_settings]\nnum_requests = 500\nmax_iters = 2\n'
        '[grid]\nnetwork = ["ring.txt"]\nerlang = [10]\n'
    )

    def submitted(*words: str) -> str:
        done = in_process.fusion(worker.environment, tmp_path, *words, "--detach", "--json")
        assert done.returncode == 0, done.stderr
        return str(json.loads(done.stdout)["flow_run_id"])

    runs = submitted("run", "mine.ini"), submitted("sweep", "sweep.toml")
    (tmp_path / "ring.txt").unlink()
    for flow_run in runs:
        run = worker.finished(flow_run, 120)
        assert run["state_type"] == "COMPLETED", worker.log(flow_run)
    directory = worker.directory(runs[0])
    config = load_config(directory / "config.ini")
    assert Path(config.topology_settings.network).read_text() == RING
    assert Path(config.topology_settings.network).is_relative_to(directory)


def test_a_resumed_run_whose_files_the_worker_may_not_read_is_refused_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ring.txt").write_text(RING)
    overrides = {"topology_settings": {"network": str(tmp_path / "ring.txt")}}
    run = rundir.create(tmp_path / "runs", "0123456789ab", to_ini(load_config("quick", overrides)))
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "prefect"))
    monkeypatch.setenv("FUSION_RUNS_DIR", str(run.path.parent))
    monkeypatch.setattr(submission, "need_server", lambda: None)  # it is asked for after all checks
    monkeypatch.setattr(server_address, "configured", lambda: "")
    with ServerFile() as file:
        told = LivingServer(
            "http://127.0.0.1:9/api", run.path.parent, 1, "", (str(tmp_path / "work"),)
        )
        file.write(told)
        assert server_address.living() == told
        with pytest.raises(
            ConfigError, match=r"network = .*lies outside the folders that may be read"
        ):
            submission.submit(resume=run.run_id)
