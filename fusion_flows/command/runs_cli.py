"""The verbs of the command `fusion` about runs."""

import re
import sys
from collections.abc import Sequence
from typing import Annotated, Any

from cyclopts import Parameter

from fusion.config.counts import counted
from fusion.results.durations import in_two_units
from fusion_flows.command import completion, opening, run_again, run_here, submission, terminal
from fusion_flows.command.exit_codes import DONE, FAILED
from fusion_flows.command.leftovers import Leftover, find_leftovers, remove_leftovers
from fusion_flows.command.terminal import (
    is_live,
    local,
    print_json,
    print_note,
    print_submitted,
    print_table,
    size,
)
from fusion_flows.command.verb import (
    Changes,
    Json,
    Overrides,
    Run,
    Template,
    as_dicts,
    own_text,
    text_of,
)
from fusion_flows.following.result_lines import places, results
from fusion_flows.report import tables
from fusion_flows.rundir.files import Preview
from fusion_flows.runs import listing, pausing
from fusion_flows.runs.time_expressions import ArgumentError

_BY_WORKER = (
    "Flow run was cancelled successfully."  # Prefect's message of a run that a worker has ended
)

RunFile = Annotated[str, completion.completed(completion.run_files)]


@own_text
def _run(
    template: Template = "",
    /,
    *,
    changes: Changes = None,
    overrides: Overrides = "",
    name: str = "",
    resume: Run = "",
    detach: bool = False,
    json: Json = False,
) -> int:
    """Run a simulation, here or (with --detach) on a worker such as that of `fusion up`.

    Args:
        template: Name of a template (`fusion templates` lists them), or the path of an INI file; required
            without --resume.
        changes: key=value or section.key=value, read as in an INI file; may be repeated.
        overrides: JSON or TOML file with overrides: {section: {key: value}}; default: none.
        name: Name of the run in lists; default: topology, policy and loads.
        resume: Id, name or directory of an earlier run to finish, with its own settings; give no others;
            default: a new run.
        detach: Submit the run to a worker and return at once.
        json: Print JSON instead of text.
    """
    _refuse_missing(template, resume, changes, overrides)
    changed = submission.read_assignments(changes or (), overrides, template=template)
    run_id = submission.resumable(resume) if resume else ""
    return _simulate(template, changed, name=name, resume=run_id, detach=detach, json=json)


@text_of(run_again.settings_of)
def _rerun(
    run: Run,
    /,
    *,
    changes: Changes = None,
    name: Annotated[
        str,
        Parameter(
            help="Name of the new run in lists; default: that of the earlier run with what was changed, such "
            "as `five paths, seed=1`; without changes: topology, policy and loads."
        ),
    ] = "",
    detach: Annotated[
        bool, Parameter(help="Submit the run to a worker and return at once.")
    ] = False,
    json: Json = False,
) -> int:
    earlier = run_again.settings_of(run)
    settings = str(earlier.config)
    changed = submission.read_assignments(changes or (), template=settings)
    name = name or run_again.name_of(earlier, changed)
    return _simulate(settings, changed, name=name, resume="", detach=detach, json=json)


def _refuse_missing(
    template: str, resume: str, changes: Sequence[str] | None, overrides: str
) -> None:
    if resume and (template or changes or overrides):
        raise ArgumentError(
            "--resume: a resumed run has the settings it was begun with; leave the others out"
        )
    if not (resume or template):
        raise ArgumentError(
            "name a template, such as quick (`fusion templates` lists them), the path of an INI "
            "file, or an earlier run with --resume"
        )


def _simulate(
    template: str,
    changed: submission.Overrides,
    *,
    name: str,
    resume: str,
    detach: bool,
    json: bool,
) -> int:
    if detach:
        submitted = submission.submit(template, changed, name=name, resume=resume)
        if json:
            print_json(submitted)
        else:
            print_submitted(submitted)
        return DONE
    result = run_here.run_here(template, changed, name=name, resume=resume)
    if json:
        print_json(result)
    else:
        if not (is_live() and sys.stdout.isatty()):  # there they were shown as they came
            print(f"\n{results(result.points)}")
        for note in tables.few_told(result.points):
            print_note(note)
        print(f"\n{places(result.output_dir, result.plot, result.report)}")
    return DONE


@text_of(listing.runs)
def _runs(
    *,
    state: Annotated[str, completion.completed(completion.states)] = "",
    name: str = "",
    since: str = "",
    until: str = "",
    limit: int = 20,
    page: int = 1,
    json: Json = False,
) -> int:
    found = listing.runs(state=state, name=name, since=since, until=until, limit=limit, page=page)
    if json:
        print_json(found)
        return DONE
    print_table(
        ("run", "name", "state", "progress", "started", "duration"),
        [
            (
                *(one.run_id, one.name, one.state, _progress(one)),
                *(local(one.started), in_two_units(one.duration_seconds)),
            )
            for one in found
        ],
        right=("duration",),
    )
    if len(found) == limit:
        print_note(f"There may be more: --page {page + 1}.")
    by_files = [one.run_id for one in found if one.flow_run_id is None]
    if by_files and len(by_files) == len(found):
        print_note(
            "No Prefect server answers, or it knows none of these runs; this list is read from the files "
            "of the runs."
        )
    elif by_files:
        print_note(f"Not in Prefect, and read from their files: {', '.join(by_files)}")
    return DONE


def _progress(run: listing.Run) -> str:
    return "" if run.percent is None else f"{run.percent:.0f} %, {run.news}"


@text_of(listing.show)
def _show(run: Run, file: RunFile = "", /, *, json: Json = False) -> int:
    found = listing.show(run, file)
    if isinstance(found, Preview):
        return _print_preview(found, json)
    if json:
        print_json({**found.model_dump(), "files": as_dicts(found.files)})
        return DONE
    one = found.run
    state = ": ".join(filter(None, (_state(found), _message(one))))
    times = f"{local(one.started)}, {in_two_units(one.duration_seconds) or 'no time'}"
    lines = [
        ("Run", f"{one.run_id}  {one.name}".rstrip()),
        ("State", state or "not in Prefect"),
        ("Progress", _progress(one)),
        ("Started", times if one.started else "not started" if one.flow_run_id else ""),
        ("Page", found.url),
        ("Folder", str(found.directory or f"not found here{found.hint and f', but {found.hint}'}")),
        ("Setting", found.setting),
    ]
    for title, text in lines:
        if text:
            first, *rest = text.splitlines()
            print(f"{title:<10}{terminal.printable(first)}")
            for line in rest:
                print(f"{'':<10}{terminal.printable(line)}")
    if found.points:
        print()
        _print_points(found)
    if found.files:
        print()
        print_table(
            ("file", "size", "changed"),
            [(one.path, size(one.size), local(one.modified)) for one in found.files],
            right=("size",),
        )
    return DONE


def _state(found: listing.Details) -> str:
    """Return the state of a run, and whether only its files say so although a server answers."""
    state = found.run.state
    return f"{state} (not in Prefect)" if state and found.in_prefect is False else state


def _print_points(found: listing.Details) -> None:
    """Print the points, from files or from Prefect, as one table: that which Prefect shows."""
    unfinished = tables.SUSPENDED if found.run.state == "Suspended" else tables.INTERRUPTED
    is_raw = "erlang" in found.points[0]  # a column of points.csv
    rows = tables.point_texts(found.points, unfinished) if is_raw else found.points
    header = list(rows[0])
    print_table(header, [list(map(str, row.values())) for row in rows], right=header, numbers=True)
    for note in tables.few_told(found.points):
        print_note(note)


def _print_preview(preview: Preview, json: bool) -> int:
    if json:
        print_json(preview._replace(content=b"")._asdict())
    elif preview.text:
        for line in preview.text.splitlines():
            print(terminal.printable(line))
    else:
        kind = preview.media_type or preview.kind
        print_note(f"{preview.path} is not text ({kind}, {size(preview.size)}).")
    if preview.truncated:
        print_note(f"... and more: {preview.path} has {size(preview.size)}.")
    return DONE


@text_of(opening.open_run)
def _open(run: Run, /, *, page: bool = False, json: Json = False) -> int:
    opened = opening.open_run(run, page=page)
    if json:
        print_json(opened._asdict())
    else:
        print(opened.address)
    if not opened.shown:
        print_note("No browser was found here: open this address in one.")
    return DONE


@text_of(listing.log_lines)
def _logs(
    run: Run,
    /,
    *,
    follow: Annotated[bool, Parameter(alias="-f")] = False,
    lines: Annotated[int | None, Parameter(alias="-n")] = None,
    file: bool = False,
) -> int:
    for line in listing.log_lines(run, follow=follow, lines=lines, file=file):
        print(terminal.printable(line), flush=follow)
    return DONE


@text_of(pausing.pause)
def _pause(
    *run: Run, wait: Annotated[bool, Parameter(negative="--no-wait")] = True, json: Json = False
) -> int:
    _need_runs(run)
    return _print_states(pausing.pause(*run, wait=wait), json)


@text_of(pausing.resume)
def _resume(*run: Run, json: Json = False) -> int:
    _need_runs(run)
    return _print_states(pausing.resume(*run), json)


def _print_states(found: list[listing.Run], json: bool) -> int:
    if json:
        print_json(found)
        return DONE
    for one in found:
        message = _message(one)
        print(f"{one.run_id}  {one.name}: {one.state}{f' ({message})' if message else ''}")
    return DONE


def _message(run: listing.Run) -> str:
    """Return the message of a run's state for a line that begins with that state."""
    if run.message == _BY_WORKER:
        return "what was finished is kept." if run.started else ""
    return re.sub(rf"^{re.escape(run.state)}[:;]\s+", "", run.message)


@text_of(listing.cancel)
def _cancel(
    *run: Run, wait: Annotated[bool, Parameter(negative="--no-wait")] = True, json: Json = False
) -> int:
    _need_runs(run)
    ended = listing.cancel(*run, wait=wait)
    if json:
        print_json(ended)
    failed = False
    for one in ended:
        still = wait and not one.run.over
        failed = failed or one.was_over or still
        if not json:
            state = one.run.state or "gone"
            message = "it is not over yet" if still else _message(one.run).removesuffix(".")
            said = f"{state} ({message})" if message else state
            if one.was_over:  # how it ended says nothing of what was asked now
                said = f"it had already ended, {state}"
            print(f"{one.run.run_id}  {one.run.name}: {said}")
    return FAILED if failed else DONE


@text_of(listing.delete)
def _delete(
    *run: Run,
    yes: Annotated[bool, Parameter(alias="-y", help="Do not ask for confirmation.")] = False,
    cancel: bool = False,
    without_server: bool = False,
    json: Json = False,
) -> int:
    _need_runs(run)
    if cancel and without_server:
        raise ArgumentError("--cancel needs a server: leave it or --without-server out")
    found = listing.deletable(*run, cancel=cancel, without_server=without_server)
    if not yes:
        for one, kept_for in found:
            name = f"{one.run.run_id}  {one.run.name}"
            files = f"files kept for {', '.join(kept_for)}" if kept_for else size(one.size)
            print_note(f"{name}: {_state(one) or 'not in Prefect'}, {files}")
        if not _confirmed("Delete with all files?", "deletes without asking"):
            print_note("Nothing is deleted.")
            return FAILED
    deleted = listing.delete(
        *(one.run.run_id for one, _ in found), cancel=cancel, without_server=without_server
    )
    if json:
        print_json(deleted)
        return DONE
    for gone in deleted:
        told = [_files_of(gone, deleted)]
        if not (gone.flow_run or without_server):
            told.append("Prefect knew nothing of it")
        print(f"{gone.run_id}  {gone.name}: deleted ({'; '.join(told)})")
    return DONE


@own_text
def _clean(
    *,
    older_than: str = "1w",
    without_server: bool = False,
    dry_run: bool = False,
    yes: Annotated[bool, Parameter(alias="-y")] = False,
    json: Json = False,
) -> int:
    """Remove leftovers: unsuccessful runs, old compiled code, temporary files.

    Shows what would be removed, with its size on disk, and asks for confirmation. This covers what has not
    been used for a week, or for as long as --older-than says: runs and sweeps that were cancelled, failed
    or crashed, flow run and directory; compiled code of other versions; temporary files of processes that
    were killed; remains of deletions; points of the store that have no result and belong to no sweep with a
    run directory. Results of the store stay, and so does what another run shares: a directory in which one
    of several attempts is complete, goes on or waits, and one with a file that another run uses.
    Unsuccessful runs that stay are listed with the reason.

    Args:
        older_than: Keep what was changed or used since then: an age such as 2w or 36h, or a date; 0s
            removes leftovers of any age; default: 1w, a week.
        without_server: Use only the files, if you work without a Prefect server. A server that knows the
            runs still lists them.
        dry_run: Show what would be removed, without removing anything.
        yes: Do not ask for confirmation.
        json: Print JSON instead of text.
    """
    leftovers, kept = find_leftovers(older_than, without_server=without_server)
    if not json:
        _print_leftovers(leftovers, kept)
    if dry_run or not leftovers:
        if json:
            print_json({"leftovers": [_plain(one) for one in leftovers], "kept": kept})
        return DONE
    if not yes and not _confirmed("Remove all of this?", "removes without asking"):
        print_note("Nothing is removed.")
        return FAILED
    removed, problems = remove_leftovers(leftovers, older_than, without_server=without_server)
    if json:
        said = {"removed": [_plain(one) for one in removed], "problems": problems, "kept": kept}
        print_json(said)
    else:
        freed = size(sum(one.size for one in removed))
        print(f"Removed: {counted(len(removed), 'thing')}, {freed}")
        for problem in problems:
            print_note(problem)
    return FAILED if problems else DONE


def _print_leftovers(leftovers: Sequence[Leftover], kept: Sequence[str]) -> None:
    if leftovers:
        print_table(
            ("leftover", "size", "last used", "what", "where"),
            [
                (one.kind, size(one.size), local(one.changed), one.what, str(one.path))
                for one in leftovers
            ],
            right=("size",),
        )
        total = size(sum(one.size for one in leftovers))
        print(f"\n{counted(len(leftovers), 'leftover')}, {total}")
    else:
        print("Nothing to remove." if kept else "Nothing is left over.")
    for one in kept:
        print_note(f"Left alone: {one}")


def _plain(one: Leftover) -> dict[str, Any]:
    """Return a leftover for JSON."""
    return {**one._asdict(), "names": sorted(one.names)}


def _confirmed(question: str, without: str) -> bool:
    """Ask. Raises RunError where nobody can answer.  without: what --yes does."""
    if not sys.stdin.isatty():
        raise listing.RunError(f"there is no terminal to ask in; --yes {without}")
    print(f"{question} [y/N] ", end="", flush=True, file=sys.stderr)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _files_of(gone: listing.Deleted, deleted: Sequence[listing.Deleted]) -> str:
    """Return what became of the files of a run.  deleted: all that were deleted with it."""
    if gone.directory:
        return f"{size(gone.size)} of files"
    if not gone.kept_for:
        return "its directory is on another machine, already deleted, or was never created"
    with_it = {one.run_id: one.directory for one in deleted if one.run_id in gone.kept_for}
    kept_for = [run_id for run_id in gone.kept_for if run_id not in with_it]
    if not kept_for:
        last = next((run_id for run_id, directory in with_it.items() if directory), "")
        return f"its files with run {last}" if last else "its files are gone already"
    have = f"runs {', '.join(kept_for)} have" if len(kept_for) > 1 else f"run {kept_for[0]} has"
    return f"its files are kept, as {have} the same directory"


def _need_runs(run: tuple[str, ...]) -> None:
    if not run:
        raise ArgumentError("name a run, or several; `fusion runs` lists them")
