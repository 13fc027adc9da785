"""The load that is offered in truth, where it is not the nominal one."""

from typing import Any

import pytest

from fusion.config.config import load_config
from fusion.scenario.offered_load import keys_of_offered_load, offered_per_nominal, offered_text


@pytest.mark.parametrize(
    ("template", "overrides", "ratio", "keys"),
    [
        ("quick", {}, 1.0, []),
        ("deeprmsa", {}, 0.68696, ["holding_distribution"]),
        ("quick", {"traffic_settings": {"holding_distribution": "deterministic"}}, 1.0, []),
    ],
)
def test_the_offered_load_and_its_reason(
    template: str, overrides: dict[str, Any], ratio: float, keys: list[str]
) -> None:
    config = load_config(template, overrides)
    assert offered_per_nominal(config) == pytest.approx(ratio, abs=1e-5)
    assert keys_of_offered_load(config) == keys
    assert bool(offered_text(config)) == bool(keys)
