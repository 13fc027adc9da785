"""The shipped templates: they load, say what they are, and are the settings they claim to be."""

from pathlib import Path

import pytest

import fusion
from fusion.config.config import Config, ignored_keys, load_config, to_ini
from fusion.config.templates import template_names
from fusion.scenario.content import content_key
from fusion.scenario.inputs import read_inputs

FOLDER = Path(fusion.__file__).parent / "shipped" / "templates"
NAMES = [
    "deeprmsa",
    "default",
    "gcn_rmsa",
    "maskrsa",
    "minimal",
    "nsfnet_100_slots",
    "nsfnet_320_slots",
    "ptrnet_rsa_40",
    "ptrnet_rsa_80",
    "quick",
    "reward_rmsa",
]


def test_names() -> None:
    assert template_names() == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_template(name: str, tmp_path: Path) -> None:
    config = load_config(name)
    assert ignored_keys(name) == []
    assert config.policy == "kspff"
    inputs = read_inputs(config)
    assert len(inputs.topology.nodes) == 14
    frozen = tmp_path / "config.ini"
    frozen.write_text(to_ini(config))
    assert load_config(frozen) == config
    assert content_key(config, inputs) == content_key(load_config(frozen), inputs)


@pytest.mark.parametrize("name", NAMES)
def test_template_begins_by_saying_what_it_is(name: str) -> None:
    text = (FOLDER / f"{name}.ini").read_text(encoding="utf-8")
    comment = text.split("\n\n", maxsplit=1)[0]
    assert comment.startswith(f"# {name}: ")
    assert "\n# Source: " in comment
    assert "\n# Expect: " in comment
    assert max(map(len, text.splitlines())) <= 100


def setting(config: Config) -> tuple[object, ...]:
    """Return what the table of the published settings has columns for."""
    traffic = config.traffic_settings
    rates = list(config.bit_rate_shares)
    return (
        config.topology_settings.network,
        config.topology_settings.link_directions,
        config.spectrum_settings.c_band,
        config.routing_settings.k_paths,
        config.routing_settings.path_order,
        config.general_settings.guard_slots,
        (rates[0], rates[-1], len(rates)),
        traffic.holding_distribution,
        config.general_settings.mod_assumption,
        config.loads,
    )


RMSA = (25.0, 100.0, 76)
EXP = "exponential"


@pytest.mark.parametrize(
    ("name", "directions", "slots", "guard", "rates", "holding", "table", "loads"),
    [
        ("deeprmsa", "separate", 100, 1, RMSA, "truncated_exponential", "", [250]),
        ("reward_rmsa", "separate", 100, 1, RMSA, "truncated_exponential", "", range(168, 211, 14)),
        ("gcn_rmsa", "separate", 100, 1, RMSA, "truncated_exponential", "", range(154, 211, 14)),
        ("maskrsa", "shared", 80, 0, (25.0, 50.0, 26), EXP, "", range(80, 161, 10)),
        ("nsfnet_100_slots", "separate", 100, 1, RMSA, EXP, "", range(150, 251, 20)),
        ("nsfnet_320_slots", "separate", 320, 1, RMSA, EXP, "", [600, 650]),
        (
            "ptrnet_rsa_40",
            "shared",
            40,
            0,
            (12.5, 12.5, 1),
            "exponential",
            "1",
            range(180, 241, 10),
        ),
        (
            "ptrnet_rsa_80",
            "shared",
            80,
            0,
            (12.5, 50.0, 4),
            "exponential",
            "1",
            range(200, 241, 10),
        ),
        ("quick", "separate", 100, 1, RMSA, EXP, "", range(140, 221, 20)),
    ],
)
def test_published_settings(
    name: str,
    directions: str,
    slots: int,
    guard: int,
    rates: tuple[float, float, int],
    holding: str,
    table: str,
    loads: list[int],
) -> None:
    assert setting(load_config(name)) == (
        "nsfnet_deeprmsa",
        directions,
        slots,
        5,
        "hops",
        guard,
        rates,
        holding,
        "one_bit_per_symbol" if table else "deeprmsa_reach",
        tuple(map(float, loads)),
    )


def test_ptrnet_widths() -> None:
    shares = load_config("ptrnet_rsa_80").bit_rate_shares
    assert shares == {12.5: 14 / 20, 25: 3 / 20, 37.5: 2 / 20, 50: 1 / 20}


@pytest.mark.parametrize(
    ("name", "loads", "requests", "replications", "k"),
    [
        ("default", (300.0, 600.0, 900.0, 1200.0), 500, 4, 4),
        ("minimal", (300.0, 400.0, 500.0), 100, 2, 3),
    ],
)
def test_settings_of_fusion(
    name: str, loads: tuple[float, ...], requests: int, replications: int, k: int
) -> None:
    config = load_config(name)
    general = config.general_settings
    assert config.loads == loads
    assert (general.num_requests, general.max_iters) == (requests, replications)
    assert (general.holding_time, general.guard_slots, general.mod_assumption) == (
        0.2,
        1,
        "DEFAULT",
    )
    assert general.request_distribution == {25: 0.1, 50: 0.1, 100: 0.5, 200: 0.2, 400: 0.1}
    assert config.routing_settings.k_paths == k
    assert config.routing_settings.path_order == "km"
    assert config.topology_settings.network == "NSFNet"
    assert config.topology_settings.cores_per_link == 3
    assert config.topology_settings.link_directions == "shared"
    assert config.spectrum_settings.c_band == 320
    assert config.warmup_requests(300) == 0


def test_quick_has_a_curve_with_intervals() -> None:
    config = load_config("quick")
    assert len(config.loads) >= 5
    assert config.general_settings.max_iters >= 10
    requests = sum(
        config.general_settings.num_requests + config.warmup_requests(load) for load in config.loads
    )
    assert requests * config.general_settings.max_iters < 4_000_000  # seconds
