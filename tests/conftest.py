"""The tests that docs/faults.md names are marked `fault`: the table says which they are."""

import re
import signal
from pathlib import Path

import pytest

FAULTS = Path(__file__).parents[1] / "docs" / "faults.md"

# A shell's `&` has the signal ignored, and what is started here would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)


def fault_tests() -> set[tuple[str, str]]:
    """Return file and name of each test that the table names."""
    return set(re.findall(r"`(test_\w+\.py)::(test_\w+)`", FAULTS.read_text(encoding="utf-8")))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark them."""
    named = fault_tests()
    for item in items:
        if (item.path.name, item.name.partition("[")[0]) in named:
            item.add_marker(pytest.mark.fault)
