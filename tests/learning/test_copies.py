"""Environments can be neither pickled nor copied, and say so; options that are misspelled are told."""

import copy
import pickle
from collections.abc import Callable

import pytest

pytest.importorskip("gymnasium")

from fusion.learning import EonEnv, EonVectorEnv


@pytest.mark.parametrize("way", [copy.copy, copy.deepcopy, pickle.dumps])
@pytest.mark.parametrize("kind", [lambda: EonEnv("quick"), lambda: EonVectorEnv(2, "quick")])
def test_an_environment_cannot_be_copied(
    kind: Callable[[], object], way: Callable[[object], object]
) -> None:
    with pytest.raises(TypeError, match=r"Env can be neither pickled nor copied: .*; make another"):
        way(kind())


def test_an_option_that_is_misspelled_is_told() -> None:
    with pytest.raises(TypeError, match="action: unknown option; did you mean 'actions'"):
        EonEnv("quick", action="paths")  # type: ignore[call-arg]
