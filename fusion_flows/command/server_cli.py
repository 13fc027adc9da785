"""The verbs of the command `fusion` that set up and check a server."""

from pathlib import Path

from fusion_flows.command import doctor, up
from fusion_flows.command.exit_codes import DONE, FAILED
from fusion_flows.command.terminal import print_json, print_problem, print_table
from fusion_flows.command.verb import Json, as_dicts, own_text, text_of
from fusion_flows.runs.time_expressions import ArgumentError


@text_of(up.up)
def _up(
    *,
    max_concurrent_runs: int | None = None,
    host: str = "127.0.0.1",
    port: int | None = None,
    runs_dir: Path | None = None,
) -> int:
    up.up(
        max_concurrent_runs=max_concurrent_runs,
        host=host,
        port=port,
        runs_dir=runs_dir,
        say=lambda text: print(text, flush=True),
    )
    return DONE


@own_text
def _set_up(*, max_concurrent_runs: int | None = None) -> int:
    """Create the work pool, queues, limit, automation and deployments on your own server.

    `fusion up` does this by itself. Run it again to change the number of concurrent runs.

    Args:
        max_concurrent_runs: Number of runs that may run at the same time; others wait; default: unchanged,
            or 1 the first time.
    """
    if max_concurrent_runs is not None and max_concurrent_runs < 1:
        raise ArgumentError(f"--max-concurrent-runs {max_concurrent_runs}: must be 1 or more")
    from fusion_flows.server.address import connect

    with connect() as client:
        url = client.api_url
    from fusion_flows.command.deploy import SetUpError, set_up

    try:
        set_up(max_concurrent_runs)
    except SetUpError as error:
        print_problem(str(error))
        return FAILED
    print(f"The server at {url} is set up. `fusion doctor` shows the result.")
    return DONE


@text_of(doctor.doctor)
def _doctor(*, json: Json = False) -> int:
    checks = doctor.doctor()
    if json:
        print_json(as_dicts(checks))
    else:
        rows: list[tuple[str, str, str]] = []
        for check in checks:
            rows.append((check.verdict, check.subject, check.found))
            if check.mend:
                rows.append(("", "", f"-> {check.mend}"))
        print_table(("", "what", "found"), rows)
    return FAILED if any(check.verdict == "problem" for check in checks) else DONE
