"""A run in the browser: its report, or its page in Prefect."""

import webbrowser
from typing import NamedTuple

from fusion_flows.runs.by_files import find_directory
from fusion_flows.runs.listing import Details, show
from fusion_flows.runs.lookup import RunError
from fusion_flows.server.settings import Settings


class Opened(NamedTuple):
    """What was to be opened."""

    address: str
    shown: bool
    """Whether there is a browser that has taken it."""


def open_run(run: str, *, page: bool = False) -> Opened:
    """Open the report of a run in your browser, or its page in Prefect.

    Args:
        run: Run id (the first 4 digits are enough), name, or flow run id.
        page: Open its page in Prefect, not its report.

    Raises:
        NoSuchRunError: There is no such run, or several are called so.
        RunDirectoryError: Its directory is not on this machine.
        RunError: It has no report yet, or no page in Prefect.
    """
    address = _page(run) if page else _report(run)
    return Opened(address, webbrowser.open(address))


def _report(run: str) -> str:
    found = find_directory(run, Settings().runs_dir)
    if not found.report.is_file():
        raise RunError(
            f"{found.run_id} has no report yet: `fusion report {found.run_id}` writes one with the results "
            f"so far, and `fusion open --page {found.run_id}` shows its page in Prefect"
        )
    return found.report.resolve().as_uri()


def _page(run: str) -> str:
    found = show(run)
    assert isinstance(found, Details)
    if not found.url:
        raise RunError(
            f"{found.run.run_id} has no page: no Prefect server answers that knows of it"
        )
    return found.url
