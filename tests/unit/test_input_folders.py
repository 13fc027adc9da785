"""What the parameters of a run may make this process read: nothing outside the given folders."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import chdir
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fusion.config.config import Config, ConfigError, Problem, ignored_keys, load_config, to_ini
from fusion.config.shipped import FUSION_NETWORKS, topology_names
from fusion.scenario.inputs import read_inputs

SECTION_OF = {
    "network": "topology_settings",
    "mod_assumption_path": "general_settings",
    "traffic_matrix": "traffic_settings",
}
KINDS = ("full", "empty")
OUTSIDE = "lies outside the folders that may be read"


def network(*nodes: str) -> str:
    links = [{"source": a, "target": b, "length_km": 10} for a, b in pairwise(nodes)]
    return json.dumps({"nodes": [{"id": node} for node in nodes], "edges": links})


class World(NamedTuple):
    """A folder that may be read, one of templates, and others beside them."""

    root: Path

    @property
    def allowed(self) -> Path:
        return self.root / "allowed"

    @property
    def templates(self) -> Path:
        return self.root / "templates"

    @property
    def folders(self) -> dict[str, Any]:
        return {"input_dirs": [self.allowed], "templates_dir": self.templates}

    def load(self, template: Any = "quick", **keys: object) -> Config:
        """Load with values of the three keys, from within the allowed folder."""
        with chdir(self.allowed):
            return load_config(template, overrides(**keys), **self.folders)

    def problems(self, template: Any = "quick", **keys: object) -> list[Problem]:
        with pytest.raises(ConfigError) as error:
            self.load(template, **keys)
        return error.value.problems

    def told(self, template: Any = "quick", **keys: object) -> str:
        """Return all that a load tells."""
        try:
            return to_ini(self.load(template, **keys))
        except ConfigError as error:
            return str(error)


def overrides(**keys: object) -> dict[str, dict[str, object]]:
    return {SECTION_OF[key]: {key: value} for key, value in keys.items()}


def make_world(root: Path, with_secrets: bool) -> World:
    world = World(root)
    for name in ("allowed/deep", "templates"):
        (root / name).mkdir(parents=True)
    for name in ("allowed/net.json", "allowed/deep/net.json", "templates/net.json"):
        (root / name).write_text(network("A", "B"))
    (root / "allowed" / "mine.ini").write_text("[topology_settings]\nnetwork = net.json\n")
    (root / "templates" / "own.ini").write_text("[topology_settings]\nnetwork = net.json\n")
    (root / "allowed" / "inner.json").symlink_to("deep/net.json")
    (root / "allowed" / "to_secret.json").symlink_to("../outside/secret.json")
    (root / "allowed" / "to_secret.ini").symlink_to("../outside/secret.ini")
    (root / "allowed" / "to_outside").symlink_to("../outside")
    (root / "templates" / "up.json").symlink_to("../secret.json")
    if with_secrets:
        for folder in (".", "outside", "outside/deep", "ALLOWED", "allowed2"):
            (root / folder).mkdir(exist_ok=True)
            for name in ("secret.json", "net.json"):
                (root / folder / name).write_text(network("secret1", "secret2"))
            for name in ("secret.ini", "mine.ini"):
                (root / folder / name).write_text("[general_settings]\nmax_iters = secret3\n")
        tables = root / "outside" / "example_mods" / "default_mod_formats.json"
        tables.parent.mkdir()
        tables.write_text('{"DEFAULT": {}}')
    return world


class Worlds:
    """Two worlds that differ only in what is outside: there are files, or there are none.

    An iteration yields first one and then the other, in the same place.
    """

    def __init__(self, folder: Path) -> None:
        """Make both."""
        self._place = folder / "world"
        self._waiting = [make_world(folder / name, name == "full").root for name in KINDS]
        self._here: Path | None = None

    def __iter__(self) -> Iterator[World]:
        for world in self._waiting:
            if self._here is not None:
                self._place.rename(self._here)
            world.rename(self._place)
            self._here = world
            yield World(self._place)


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> Worlds:
    """Return both."""
    return Worlds(tmp_path_factory.mktemp("worlds"))


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Return a world of the test's own."""
    return make_world(tmp_path / "w", True)


_opened: list[str] | None = None


def _note(event: str, arguments: tuple[object, ...]) -> None:
    if _opened is not None and event == "open" and isinstance(arguments[0], str | bytes):
        _opened.append(os.path.abspath(os.fsdecode(arguments[0])))


@pytest.fixture(scope="module")
def opened() -> Iterator[list[str]]:
    """Return a list to which the path of every file that Python opens is added."""
    global _opened
    _opened = []
    sys.addaudithook(_note)  # which cannot be taken away, but be put to rest
    yield _opened
    _opened = None


# --- what is refused, and how --------------------------------------------------------------------

REFUSED = [
    "../outside/secret.json",
    "../outside/none.json",
    "{root}/outside/secret.json",
    "{root}/allowed/../outside/secret.json",
    "deep/../../outside/secret.json",
    "./.././outside//secret.json",
    "to_secret.json",
    "to_outside/secret.json",
    "to_outside/deep/none.json",
    "../templates/up.json",
    "../allowed2/net.json",
    "../ALLOWED/net.json",
    "../secret.json",
    "../outside",
    "..",
    "/",
    "/etc/passwd",
    "/proc/self/environ",
    "/dev/stdin",
    "../outside/example_mods/default_mod_formats.json",
    " ../outside/secret.json ",
]


@pytest.mark.parametrize("key", SECTION_OF)
@pytest.mark.parametrize("path", REFUSED)
def test_a_file_outside_is_refused_whether_it_is_there_or_not(
    worlds: Worlds, opened: list[str], key: str, path: str
) -> None:
    opened.clear()
    told = []
    for world in worlds:
        (found,) = world.problems(**{key: path.format(root=world.root)})
        assert (found.section, found.key, found.source) == (SECTION_OF[key], key, "overrides")
        assert OUTSIDE in found.message
        for word in (str(world.allowed), str(world.templates), "FUSION_INPUT_DIRS"):
            assert word in found.message
        told.append(str(found))
    assert told[0] == told[1]
    assert not [name for name in opened if "secret" in name or "none" in name]


@pytest.mark.parametrize("path", [*REFUSED, "to_secret.ini", "../outside/secret.ini", "x\0/y.ini"])
def test_a_template_outside_is_refused_whether_it_is_there_or_not(
    worlds: Worlds, opened: list[str], path: str
) -> None:
    if "/" not in path and not path.endswith(".ini"):
        path = f"./{path}"  # or else it is a name
    opened.clear()
    told = []
    for world in worlds:
        (found,) = world.problems(path.format(root=world.root).strip())
        assert OUTSIDE in found.message
        assert (found.key, found.source) == ("template", "")
        assert str(world.allowed) in found.message
        told.append(str(found))
    assert told[0] == told[1]
    assert not [name for name in opened if "secret" in name]


def test_a_template_by_its_name_is_no_way_out(world: World) -> None:
    assert world.load("own").topology_settings.network == str(world.templates / "net.json")
    (world.templates / "leak.ini").symlink_to("../outside/secret.ini")
    (found,) = world.problems("leak")
    assert OUTSIDE in found.message


def test_a_folder_outside_has_no_part_in_a_path(worlds: Worlds) -> None:
    """With `outside` there or not, `outside/..` is where `outside` would be."""
    told = [world.told("../outside/deep/../../allowed/mine.ini") for world in worlds]
    assert told[0] == told[1]
    assert "/allowed/net.json" in told[0]
    told = [world.told("../outside/deep/../../allowed/mines.ini") for world in worlds]
    assert told[0] == told[1]
    assert "file not found; did you mean" in told[0]


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("net.json", "allowed/net.json"),
        ("inner.json", "allowed/inner.json"),
        ("../allowed/deep/../net.json", "allowed/net.json"),
        ("../outside/../allowed/net.json", "allowed/net.json"),
        ("{root}/templates/net.json", "templates/net.json"),
    ],
)
def test_a_file_inside_is_taken(world: World, path: str, place: str) -> None:
    config = world.load(network=path.format(root=world.root))
    assert config.topology_settings.network == str(world.root / place)
    assert read_inputs(config, **world.folders).topology.nodes == ("A", "B")


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("~/secret.json", "file not found"),
        ("~root/secret.json", "file not found"),
        ("$HOME/secret.json", "file not found"),
        ("..\\outside\\secret.json", "file not found"),
        ("C:\\outside\\secret.json", "file not found"),
        ("file:///etc/passwd.json", "file not found"),
        ("%2e%2e/outside/secret.json", "file not found"),
        ("NET.json", "file not found"),
        ("net.json\0", "control characters"),
        ("../outside/secret.json\0.json", "control characters"),
        ("../outside/secret.json\n", None),
        ("\ud800/net.json", "control characters"),
        ("x/" * 3000, "at most 4096 characters"),
    ],
)
def test_other_ways_to_write_a_path_lead_nowhere(
    worlds: Worlds, path: str, message: str | None
) -> None:
    told = [world.told(network=path) for world in worlds]
    assert told[0] == told[1]
    assert (message or OUTSIDE) in told[0]


def test_values_of_a_template_are_checked_like_overrides(world: World) -> None:
    ini = world.allowed / "mine.ini"
    ini.write_text(
        "[topology_settings]\nnetwork = ../outside/secret.json\n"
        "[general_settings]\nmod_assumption_path = to_secret.json\nmax_iters = many\n"
        "[traffic_settings]\ntraffic_matrix = /etc/passwd\n"
    )
    found = {problem.key: problem for problem in world.problems(ini)}
    assert set(found) == {*SECTION_OF, "max_iters"}
    for key, line in (("network", 2), ("mod_assumption_path", 4), ("traffic_matrix", 7)):
        assert OUTSIDE in found[key].message
        assert found[key].source == f"{ini}, line {line}"
    assert "secret" not in found["max_iters"].message


def test_a_value_that_is_replaced_is_not_read(world: World) -> None:
    ini = world.allowed / "mine.ini"
    ini.write_text("[topology_settings]\nnetwork = ../outside/secret.json\n")
    assert world.load(ini, network="net.json").topology_settings.network.endswith("ed/net.json")


def test_everything_is_told_at_once(world: World) -> None:
    changes: dict[str, Any] = overrides(network="/etc/x.json", traffic_matrix="/etc/x.csv")
    changes["general_settings"] = {"max_iters": "many", "max_itres": 5, "erlang_stop": 5}
    with pytest.raises(ConfigError) as error:
        load_config("/etc/x.ini", changes, **world.folders)
    found = error.value.problems
    assert [p.key for p in found] == [
        *("template", "max_itres", "max_iters", "network", "traffic_matrix"),
    ]
    assert [OUTSIDE in p.message for p in found] == [True, False, False, True, True]


# --- what may be read ----------------------------------------------------------------------------


def test_without_folders_every_place_may_be_read(world: World) -> None:
    config = load_config("quick", overrides(network=str(world.root / "outside" / "secret.json")))
    assert read_inputs(config).topology.nodes == ("secret1", "secret2")
    assert load_config(world.allowed / "mine.ini").topology_settings.network.endswith("net.json")


def test_without_any_folder_only_what_is_shipped_may_be_read(world: World) -> None:
    config = load_config("quick", input_dirs=[])
    assert config == load_config("quick")
    assert read_inputs(config, input_dirs=[]).topology.name == "nsfnet_deeprmsa"
    shipped = Path(sys.modules["fusion"].__file__ or "").parent / "shipped"
    by_path = shipped / "topologies" / "jpn48_12576km.json"
    changes = overrides(network=by_path)
    assert load_config("quick", changes, input_dirs=[]).topology_settings.network == str(by_path)
    assert load_config(shipped / "templates" / "quick.ini", input_dirs=[]) == config
    for path in (
        world.allowed / "net.json",
        shipped.parent / "config/config.py",
        shipped / "topologies" / "..",
    ):
        with pytest.raises(ConfigError, match=r"\(those of the package\)"):
            load_config("quick", overrides(network=str(path)), input_dirs=[])


def test_folders_may_be_relative_links_or_single_files(world: World) -> None:
    (world.root / "alias").symlink_to("allowed")
    for folder in ("alias", "allowed/deep/..", "allowed/net.json"):
        with chdir(world.root):
            for path in ("alias/net.json", "allowed/net.json"):
                load_config("quick", overrides(network=path), input_dirs=[Path(folder)])
            with pytest.raises(ConfigError, match=OUTSIDE):
                load_config("quick", overrides(network="secret.json"), input_dirs=[Path(folder)])
    (world.root / "outside" / "back").symlink_to(world.allowed)
    assert world.load(network="../outside/back/net.json")  # where it really lies


def test_a_single_path_is_not_taken_for_a_sequence_of_letters(world: World) -> None:
    for path in (str(world.allowed), world.allowed):
        with pytest.raises(TypeError, match="sequence of folders"):
            load_config("quick", input_dirs=path)  # type: ignore[arg-type]


def test_ignored_keys_and_inputs_are_under_the_same_restriction(world: World) -> None:
    with pytest.raises(ConfigError, match=OUTSIDE):
        ignored_keys("/etc/x.ini", **world.folders)
    with pytest.raises(ConfigError, match=OUTSIDE):
        ignored_keys("quick", overrides(network="/etc/x.json"), **world.folders)
    assert ignored_keys("own", **world.folders) == []
    secret = world.root / "outside" / "secret.json"
    for path in (str(secret), "../outside/secret.json", "net.json"):
        config = Config.model_validate({"topology_settings": {"network": path}})
        with chdir(world.allowed), pytest.raises(ConfigError) as error:
            read_inputs(config, **world.folders)
        assert OUTSIDE in error.value.problems[0].message
        assert error.value.problems[0].source == "the configuration"
    for key in ("mod_assumption_path", "traffic_matrix"):
        config = Config.model_validate(overrides(**{key: "net.json"}))
        with pytest.raises(ConfigError, match=OUTSIDE):
            read_inputs(config, **world.folders)


def test_a_frozen_configuration_needs_its_own_folder(world: World) -> None:
    config = world.load(network="net.json")
    frozen = world.root / "runs" / "0123456789ab" / "config.ini"
    frozen.parent.mkdir(parents=True)
    frozen.write_text(to_ini(config))
    with pytest.raises(ConfigError, match=OUTSIDE):
        load_config(frozen, **world.folders)
    assert load_config(frozen, input_dirs=[world.allowed, frozen.parent]) == config
    with pytest.raises(ConfigError) as error:
        load_config(frozen, input_dirs=[frozen.parent])
    assert [p.key for p in error.value.problems] == ["network"]


def test_the_tables_of_fusion_are_looked_for_only_inside(worlds: Worlds) -> None:
    tables = "example_mods/default_mod_formats.json"
    for world in worlds:
        assert world.load(mod_assumption_path=tables).general_settings.mod_assumption_path == ""
    told = [world.told(mod_assumption_path=f"../outside/{tables}") for world in worlds]
    assert told[0] == told[1]
    assert OUTSIDE in told[0]


def test_keys_of_fusion_that_name_files_read_none(world: World, opened: list[str]) -> None:
    secret = str(world.root / "outside" / "secret.json")
    keys = {"train_file_path": secret, "ml_model": secret}
    changes = {"ml_settings": keys, "rl_settings": {"model_path": secret, "anything": secret}}
    opened.clear()
    assert read_inputs(load_config("quick", changes, **world.folders), **world.folders)
    assert len(ignored_keys("quick", changes, **world.folders)) == 4
    assert opened
    assert secret not in opened


# --- links that are made to deceive --------------------------------------------------------------


def test_links_in_a_circle(world: World) -> None:
    (world.allowed / "a.json").symlink_to("b.json")
    (world.allowed / "b.json").symlink_to("a.json")
    world.problems(network="a.json")
    world.problems("./a.json")


def test_a_link_behind_a_path_too_long_to_resolve(world: World) -> None:
    """The system opens it, folder by folder, while the name of where it leads has no room."""
    folder = os.open(world.allowed, os.O_RDONLY)
    for _ in range(20):
        os.mkdir("d" * 250, dir_fd=folder)
        os.symlink("d" * 250, "s", dir_fd=folder)
        inner = os.open("s", os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = inner
    os.symlink(world.root / "outside" / "secret.json", "link.json", dir_fd=folder)
    os.symlink(world.root / "outside" / "secret.ini", "link.ini", dir_fd=folder)
    os.close(folder)
    path = "s/" * 20 + "link"
    assert "secret1" in (world.allowed / f"{path}.json").read_text()
    assert OUTSIDE in world.told(network=f"{path}.json")
    assert OUTSIDE in world.told(f"{path}.ini")


# --- any text ------------------------------------------------------------------------------------

_PARTS = st.sampled_from(
    [
        *(
            "..",
            "..",
            "..",
            ".",
            "",
            "~",
            "~root",
            " ",
            "C:",
            "\\",
            "..\\",
            "%2e%2e",
            "$HOME",
            "\0",
        ),
        *("allowed", "ALLOWED", "allowed2", "outside", "templates", "deep", "to_outside"),
        *("net.json", "secret.json", "to_secret.json", "inner.json", "up.json", "none.json"),
        *("mine.ini", "secret.ini", "to_secret.ini", "own.ini", "quick", "NSFNet"),
        *("etc", "passwd", "proc", "self", "environ", "x" * 300, "\u00e9", "\ud800", "\u202e"),
    ]
)
_PREFIXES = st.sampled_from(["", "", "", "/", "{root}/", "{root}/", "{root}/allowed/", "file://"])
_PATHS = st.one_of(
    st.builds("{}{}".format, _PREFIXES, st.lists(_PARTS, max_size=7).map("/".join)),
    st.builds("{}{}".format, _PREFIXES, st.text(max_size=30).map(lambda t: t.replace("{", ""))),
)


def _check(worlds: Worlds, opened: list[str], template: str, **keys: str) -> None:
    told = []
    for world in worlds:
        opened.clear()
        values = {key: value.replace("{root}", str(world.root)) for key, value in keys.items()}
        told.append(world.told(template.replace("{root}", str(world.root)), **values))
        inside = (world.allowed.resolve(), world.templates.resolve())
        for name in opened:
            real = Path(name).resolve()
            if real.is_relative_to(world.root) or "/etc" in name or "/proc" in name:
                assert any(real.is_relative_to(folder) for folder in inside), name
    assert told[0] == told[1]
    assert "secret1" not in told[0]
    assert "secret3" not in told[0]


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(SECTION_OF)), _PATHS)
@example("network", "../allowed/net.json")
@example("network", "../outside/../allowed/inner.json")
def test_whatever_is_taken_lies_inside(
    worlds: Worlds, opened: list[str], key: str, path: str
) -> None:
    _check(worlds, opened, "quick", **{key: path})
    for world in worlds:
        try:
            config = world.load(**{key: path.replace("{root}", str(world.root))})
        except ConfigError:
            continue
        taken = getattr(getattr(config, SECTION_OF[key]), key)
        if taken in ("", *topology_names(), *FUSION_NETWORKS):
            continue
        real = Path(taken).resolve(strict=True)
        folders = (world.allowed.resolve(), world.templates.resolve())
        assert any(folder in real.parents for folder in folders)


@settings(max_examples=150, deadline=None)
@given(_PATHS)
@example("../allowed/mine.ini")
def test_whatever_template_is_read_lies_inside(
    worlds: Worlds, opened: list[str], path: str
) -> None:
    _check(worlds, opened, path)


def test_a_folder_with_the_same_start_is_outside(tmp_path: Path) -> None:
    for folder in ("study", "study-of-somebody"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.ini").write_text("[general_settings]\nerlang_start = 100\n")
    inside, outside = (tmp_path / folder / "a.ini" for folder in ("study", "study-of-somebody"))
    load_config(inside, input_dirs=[tmp_path / "study"])
    with pytest.raises(ConfigError, match="outside the folders"):
        load_config(outside, input_dirs=[tmp_path / "study"])
