"""`policy = agent.onnx`: what is refused and how, what counts, the same results wherever it is computed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fusion.config.config import Config, ConfigError, load_config
from fusion.learning.setting import make_setting
from fusion.scenario.agent.about import About
from fusion.scenario.agent.file import agent_content
from fusion.scenario.content import content_key
from fusion.scenario.inputs import read_inputs
from fusion.scenario.layout import Layout, make_layout
from fusion.scenario.scenario import make_scenario
from fusion.simulation.replication import replicate
from fusion.sweep.definition import Sweep
from fusion.sweep.point_file import from_text, to_text
from fusion.sweep.points import sweep_points
from fusion_flows.rundir import sent_files
from tests.agent.networks import Dense, mlp_graph

pytest.importorskip("onnx")


@pytest.fixture(scope="module")
def layout() -> Layout:
    return make_setting("quick").layout


def agent(
    path: Path, features: int, actions: int, *, seed: int = 0, about: About | None = None
) -> Path:
    random = np.random.default_rng(seed)
    hidden = Dense(random.normal(size=(features, 8)), random.normal(size=8))
    graph = mlp_graph([hidden], Dense(random.normal(size=(8, actions)), np.zeros(actions)))
    path.write_bytes(agent_content(path.suffix, graph, about))
    return path


def config_of(policy: Path | str, **sections: Any) -> Config:
    routing = {"policy": str(policy), **sections.pop("routing_settings", {})}
    return load_config("quick", {"routing_settings": routing, **sections})


def problem(policy: Path | str, **sections: Any) -> str:
    """Return the one thing that is wrong."""
    with pytest.raises(ConfigError) as error:
        read_inputs(config_of(policy, **sections))
    (found,) = error.value.problems
    assert found.key == "policy"
    return found.message


def key(policy: Path) -> str:
    config = config_of(policy)
    return content_key(config, read_inputs(config))


def test_what_is_no_agent(tmp_path: Path) -> None:
    assert "file not found" in problem(tmp_path / "agent.onnx")
    (tmp_path / "agent.onnx").write_bytes(b"PK")
    assert "agent.onnx: is not an ONNX file" in problem(tmp_path / "agent.onnx")
    (tmp_path / "model.zip").write_bytes(b"PK")
    message = problem(tmp_path / "model.zip")
    assert "could run any code if it were loaded" in message
    assert "fusion agent model.zip --to agent.onnx" in message
    assert "such as agent.onnx" in problem("KSP-FF")


def test_onnx_files_need_onnx_and_others_do_not(
    tmp_path: Path, layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = layout.size, layout.actions
    files = [agent(tmp_path / f"agent{end}", *sizes) for end in (".onnx", ".safetensors")]
    monkeypatch.setitem(sys.modules, "onnx", None)
    assert "needs the package onnx: pip install onnx" in problem(files[0])
    assert read_inputs(config_of(files[1])).agent is not None


def test_an_agent_without_metadata_is_understood_by_its_sizes(tmp_path: Path) -> None:
    for blocks, shows in ((1, False), (3, True)):
        wanted = make_setting("quick", blocks=blocks, shows_holding=shows).layout
        path = agent(tmp_path / "agent.onnx", wanted.size, wanted.actions)
        found = read_inputs(config_of(path)).agent
        assert found is not None
        assert found.about is not None
        about = found.about
        assert (about.blocks, about.shows_holding) == (blocks, shows)
        assert (about.nodes, about.candidates) == (wanted.nodes, wanted.candidates)


def test_an_agent_of_other_sizes(tmp_path: Path, layout: Layout) -> None:
    path, size, actions = tmp_path / "agent.onnx", layout.size, layout.actions
    assert problem(agent(path, size, actions + 1)) == (
        "agent.onnx: has 7 actions, and its file does not say what they are; with 5 paths of a pair of nodes "
        "there are 5 for each block and one more"
    )
    assert problem(agent(path, size + 3, actions)) == (
        f"agent.onnx: takes {size + 3} numbers and gives 6 actions, but an observation of this config has "
        f"{size} and there are 6 actions: 14 nodes, 5 paths of a pair, 1 block of a path"
    )
    message = problem(agent(path, size, actions), snr_settings={"snr_type": "gsnr"})
    assert message.endswith("1 block of a path, with signal quality")
    about = About(blocks=2)
    message = problem(agent(path, size, actions, about=about))
    assert message.endswith(
        "11 actions: 14 nodes, 5 paths of a pair by its metadata, 2 blocks of a path"
    )


def test_an_agent_that_was_trained_on_something_else(tmp_path: Path, layout: Layout) -> None:
    def message(routing: dict[str, Any] | None = None, **about: Any) -> str:
        path = agent(tmp_path / "a.onnx", layout.size, layout.actions, about=About(**about))
        return problem(path, routing_settings=routing or {})

    others = tuple("ABCDEFGHIJKLMN")
    assert message(nodes=others) == (
        "a.onnx: was trained on another network, of A, B, C, D and 10 more; it does not know 1, 2, 3, 4 and "
        "10 more"
    )
    assert "was trained with 4 paths of a pair of nodes; here there are 5" in message(candidates=4)
    assert "observation = 'graph'; an agent can be a policy with features or" in message(
        observation="graph"
    )
    path = agent(tmp_path / "p.onnx", layout.size, 6, about=About(actions="paths"))
    wrong = problem(path, general_settings={"allocation_method": "random_fit"})
    assert "'paths' with allocation_method = random_fit: must be first_fit, last_fit" in wrong
    by_mscl = About(actions="paths", allocation_method="mscl")
    mscl = agent(tmp_path / "m.onnx", layout.size, 6, about=by_mscl)
    assert problem(mscl) == (
        "m.onnx: chooses paths, and was trained with allocation_method = mscl on them; here it is first_fit, "
        "with which it would decide otherwise than it has learned: -s allocation_method=mscl"
    )
    assert read_inputs(config_of(mscl, general_settings={"allocation_method": "mscl"})).agent
    general = {"allocation_method": "best_fit", "max_segments": 4}
    assert "allocation_method = best_fit: not with max_segments" in problem(
        path, general_settings=general
    )
    slots = agent(tmp_path / "s.onnx", layout.size, 5 * 100 + 1, about=About(actions="slots"))
    assert "'slots': not with snr_type" in problem(slots, snr_settings={"snr_type": "gsnr"})


def test_fewer_paths_and_nodes_than_an_agent_knows_are_shown_as_none(
    tmp_path: Path, layout: Layout
) -> None:
    about = About(nodes=layout.nodes[::-1], candidates=layout.candidates)
    path = agent(tmp_path / "agent.onnx", layout.size, layout.actions, about=about)
    config = config_of(path, routing_settings={"k_paths": 3})
    scenario = make_scenario(config, read_inputs(config))
    assert scenario.agent is not None
    assert scenario.agent.about.nodes == layout.nodes[::-1]
    assert replicate(scenario, 300.0, 0, 100).traffic.blocked.sum() > 0


def test_what_an_agent_is_shown_is_the_layout_of_environments(tmp_path: Path) -> None:
    from fusion.scenario.agent.fit import layout_of_agent

    setting = make_setting("quick", blocks=2)
    path = agent(tmp_path / "agent.onnx", setting.layout.size, setting.layout.actions)
    config = config_of(path)
    scenario = make_scenario(config, read_inputs(config))
    assert scenario.agent is not None
    found = layout_of_agent(
        scenario.agent.about,
        shows_quality=False,
        shows_slices=False,
        shows_failures=False,
        slots=100,
    )
    assert found == make_layout(scenario, 2, shows_holding=False) == setting.layout


def test_the_key_is_that_of_the_network_and_of_what_it_sees(tmp_path: Path, layout: Layout) -> None:
    sizes = layout.size, layout.actions
    about = About(nodes=layout.nodes)
    first = key(agent(tmp_path / "a.onnx", *sizes, about=about))
    (tmp_path / "there").mkdir()
    trained = about.model_copy(update={"steps": 10, "name": "mine"})
    assert key(agent(tmp_path / "there" / "b.safetensors", *sizes, about=trained)) == first
    assert key(agent(tmp_path / "c.onnx", *sizes, seed=1, about=about)) != first
    other = about.model_copy(update={"may_block": True})
    assert key(agent(tmp_path / "d.onnx", *sizes, about=other)) != first
    builtin = load_config("quick")
    assert content_key(builtin, read_inputs(builtin)) != first


def test_points_take_the_agent_with_them(tmp_path: Path, layout: Layout) -> None:
    paths = [
        agent(tmp_path / f"{name}.onnx", layout.size, layout.actions, seed=seed)
        for seed, name in enumerate(("first", "second"))
    ]
    sweep = Sweep(
        template="quick",
        grid={"policy": ["", *map(str, paths)], "erlang": [200]},
        overrides={"general_settings": {"num_requests": 2000, "max_iters": 1}},
    )
    points = sweep_points(sweep)
    assert [point.axes["policy"] for point in points] == ["kspff", "first.onnx", "second.onnx"]
    assert len({point.key for point in points}) == 3
    text = to_text(points, "blocking_probability")
    for path in paths:
        path.unlink()
    there, _ = from_text(text)
    assert [point.key for point in there] == [point.key for point in points]
    here, again = (
        replicate(make_scenario(each.config, each.inputs), 200.0, 0, 100).traffic.blocked.tolist()
        for each in (points[1], there[1])
    )
    assert here == again


def test_an_agent_is_sent_with_a_run(tmp_path: Path, layout: Layout) -> None:
    path = agent(tmp_path / "mine.onnx", layout.size, layout.actions)
    before = key(path)
    sent = sent_files.send({"policy": str(path)}, ())
    path.unlink()
    received = Path(sent_files.receive(sent, tmp_path / "there")["policy"])
    assert received.name == "mine.onnx"
    assert key(received) == before
    assert sent_files.told(sent["policy"]) == "mine.onnx (sent with the run)"


def test_any_number_of_workers_and_both_kinds_of_file_give_the_same_bytes(
    tmp_path: Path, layout: Layout
) -> None:
    found = []
    for workers, ending in ((1, ".onnx"), (2, ".onnx"), (1, ".safetensors")):
        path = agent(tmp_path / f"agent{ending}", layout.size, layout.actions)
        config = tmp_path / "mine.ini"
        config.write_text(
            "[general_settings]\nerlang_start = 200\nerlang_stop = 240\nerlang_step = 40\n"
            "num_requests = 3000\nmax_iters = 4\nmod_assumption = deeprmsa_reach\n"
            "[topology_settings]\nnetwork = nsfnet_deeprmsa\n[spectrum_settings]\nc_band = 100\n"
            f"[simulation_settings]\nworkers = {workers}\n"
            f"[routing_settings]\nk_paths = 5\npolicy = {path.name}\n"
        )
        output = tmp_path / f"out{len(found)}"
        subprocess.run(
            [
                sys.executable,
                "-m",
                "fusion.cli.run_sim",
                "--config",
                config,
                "--output-dir",
                output,
            ],
            check=True,
            capture_output=True,
        )
        names = ("points.csv", "replications.csv", "pairs.csv", "links.csv")
        found.append([(output / name).read_text().replace(path.name, "") for name in names])
    assert found[0] == found[1] == found[2]
