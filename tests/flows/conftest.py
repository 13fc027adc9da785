"""What the tests of the flows share."""

from collections.abc import Iterator

import pytest

from .prefect_server import calls


@pytest.fixture(autouse=True)
def no_call_outlives_its_test() -> Iterator[None]:
    """End what a test that failed has left, so that it costs the others nothing."""
    yield
    while calls:
        process = calls.pop()
        process.kill()
        process.wait()
