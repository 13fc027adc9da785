"""What the report of a run says that is suspended, or goes on after it was."""

from uuid import UUID

from fusion_flows.report.page import Code, Text
from fusion_flows.rundir import directory as rundir
from fusion_flows.rundir.directory import RunDirectory
from fusion_flows.rundir.file_state import recorded_flow_run

GOES_ON = (
    "The run goes on, and this is what was finished when it last stopped; the report is written again "
    "when it ends."
)
"""Why results are missing in the report of a run that was resumed."""


def how_to_resume(run: RunDirectory) -> tuple[Text, Code]:
    """Return the two ways to let a suspended run go on: the button and the command."""
    return (
        Text("To continue it: **Resume** on its page in Prefect, or"),
        Code(f"fusion resume {_run_id(run)}"),
    )


def _run_id(run: RunDirectory) -> str:
    """Return the run id of the flow run that works here; its directory may be that of an earlier run."""
    try:
        flow_run_id = UUID(recorded_flow_run(run))
    except ValueError:
        return run.run_id
    return rundir.own_run_id(run.path.parent, flow_run_id)
