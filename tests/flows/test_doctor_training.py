"""`fusion doctor` says which packages of training are installed."""

from importlib import metadata

import pytest

from fusion.config import training_extra
from fusion_flows.command import doctor


def test_it_lists_the_packages_of_training(monkeypatch: pytest.MonkeyPatch) -> None:
    def look() -> str:
        (found,) = [one for one in doctor.doctor() if one.subject == "training"]
        assert found.verdict == "ok"
        return found.found

    told = look()
    missing = training_extra.missing_packages()
    for package in training_extra.NEEDED.values():
        there = f"{package} {metadata.version(package)}" if package not in missing else package
        assert there in told
    monkeypatch.setitem(training_extra.NEEDED, "no_such_module", "no-such-package")
    assert "no-such-package, which only `fusion train` needs" in look()
