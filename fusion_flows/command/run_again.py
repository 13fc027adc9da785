"""A run once more, with changes: from the settings that an earlier run was frozen with."""

from fusion_flows.rundir.directory import RunDirectory, command_to_go_on
from fusion_flows.runs.by_files import find_directory
from fusion_flows.runs.lookup import RunError
from fusion_flows.server.settings import Settings


def settings_of(run: str) -> RunDirectory:
    """Repeat an earlier run, optionally with changes, here or (with --detach) on a worker.

    The new run has its own directory; that of the earlier run is not changed.

    Args:
        run: Run id (the first 4 digits are enough), name, or flow run id of the earlier run.

    Raises:
        NoSuchRunError: There is no such run, or several are called so.
        RunDirectoryError: Its directory is not on this machine.
        RunError: It is a sweep.
    """
    found = find_directory(run, Settings().runs_dir)
    if found.sweep.is_file():
        raise RunError(
            f"{found.run_id} is a sweep, of which no point is computed twice: `{command_to_go_on(found)}` "
            "computes what is missing; for other points change its file"
        )
    return found
