"""The command `fusion`: its verbs, and how it ends.

Each verb parses its words, calls a function and prints what that returns; verb and function share one
text, the docstring of the function. The list of verbs imports none of their modules, so that it comes at
once.
"""

import errno
import logging
import select
import shutil
import sys
from collections.abc import Sequence
from importlib import metadata
from inspect import BoundArguments
from inspect import Parameter as Parameters
from typing import TextIO

from cyclopts import App, Group, Parameter
from rich.console import Console

from fusion_flows.command.completion import REQUEST, CompletedApp
from fusion_flows.command.examples import FIRST_STEPS, SUMMARIES, USAGES, epilogue
from fusion_flows.command.exit_codes import DONE, FAILED, INTERRUPTED
from fusion_flows.command.help_words import fitted, formatter
from fusion_flows.command.last_words import leave_the_last_word

_GROUPS: dict[str, dict[str, tuple[str, ...]]] = {
    "Server": {"server_cli": ("up", "set-up", "doctor")},
    "Settings": {
        "settings_cli": (
            *("templates", "topologies", "examples", "new", "explain", "validate", "schema"),
        ),
        "network_cli": ("import", "export"),
        "picture_cli": ("topology",),
    },
    "Runs": {
        "runs_cli": (
            *("run", "rerun", "runs", "show", "open", "logs"),
            *("pause", "resume", "cancel", "delete", "clean"),
        ),
        "picture_cli": ("report", "spectrum", "snapshot", "bound"),
    },
    "Agents": {"train_cli": ("train",), "agent_cli": ("agent",)},
    "Sweeps": {
        "sweep_cli": (
            *("plan", "sweep", "schedule", "compare", "loads-at", "find-load", "ties"),
            *("plot", "diff", "merge"),
        ),
        "reproduce_cli": ("reproduce",),
    },
}
"""Group to module to verbs: each is the function of that module with its name, after an underscore."""


def make_app(called: str = "") -> App:
    """Return the command. called: the verb whose help is wanted, whole; of the others one line is enough."""
    # A line each where there is no terminal to fit.
    columns = shutil.get_terminal_size().columns if sys.stdout.isatty() else 1000
    app = CompletedApp(
        name="fusion",
        help="Simulate elastic optical networks, as Prefect flow runs.",
        version=lambda: f"fusion {metadata.version('fusion-eon')}",
        help_format="plaintext",
        help_formatter=formatter(is_terminal=sys.stdout.isatty()),
        console=None if sys.stdout.isatty() else Console(width=columns),
        default_parameter=Parameter(negative=(), show_default=False),
        suppress_keyboard_interrupt=False,
        result_action="return_value",
        help_epilogue=fitted(FIRST_STEPS, columns),
    )
    app.register_install_completion_command(help="Install completion for this shell.")
    for title, modules in _GROUPS.items():
        group = Group.create_ordered(title)
        for module, verbs in modules.items():
            for verb in verbs:
                app.command(
                    f"fusion_flows.command.{module}:_{verb.replace('-', '_')}",
                    name=verb,
                    group=group,
                    help=None if verb == called else SUMMARIES[verb],
                    help_epilogue=epilogue(verb, columns) if verb == called else "",
                    usage=f"Usage: fusion {verb} [OPTIONS] {USAGES[verb]}"
                    if verb in USAGES
                    else None,
                )
    return app


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code: 0 done, 2 bad input, 130 Ctrl-C, 1 anything else."""
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    logging.getLogger("fusion.sweep").setLevel(logging.INFO)  # how far a long check is
    leave_the_last_word()
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    words = sys.argv[1:] if arguments is None else arguments
    given: BoundArguments | None = None
    try:
        app = make_app(words[0] if words else "")
        verb, given, _ = app.parse_args(words, exit_on_error=False, print_error=False)
        if words[:1] != [REQUEST]:
            _refuse_empty(given)
        code = verb(*given.args, **given.kwargs)
        sys.stdout.flush()
        return code if isinstance(code, int) else DONE
    except KeyboardInterrupt:
        print(file=sys.stderr)
        return INTERRUPTED
    except OSError as error:
        if not _is_unheard(error):
            return _told(error, words, given)
        from fusion_flows.command.terminal import silence

        for stream in (sys.stdout, sys.stderr):
            if not _takes(stream):
                silence(stream)
        return FAILED
    except Exception as error:
        return _told(error, words, given)


def _told(error: Exception, words: Sequence[str], given: BoundArguments | None) -> int:
    """Say what went wrong, and return the exit code. Raises what nothing can be said of."""
    from fusion_flows.command.failures import told

    code = told(error, words[0] if words else "", given.arguments if given else {})
    if code is None:
        raise error
    return code


def _is_unheard(error: OSError) -> bool:
    """Return whether nobody reads what is printed: a reader such as head, or a terminal that was closed."""
    if isinstance(error, BrokenPipeError):
        return True
    return error.errno == errno.EIO and error.filename is None and not _takes(sys.stdout)


def _takes(stream: TextIO) -> bool:
    """Return whether somebody may read what a stream prints."""
    try:
        poll = select.poll()
        poll.register(stream.fileno(), select.POLLOUT)
        return not any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0))
    except (OSError, ValueError):  # it is closed, or is no file
        return False


def _refuse_empty(given: BoundArguments) -> None:
    """Refuse a value that is empty, as that of a variable that a script has not set."""
    for name, value in given.arguments.items():
        if name != "title" and (value == "" or (isinstance(value, list | tuple) and "" in value)):
            is_option = given.signature.parameters[name].kind is Parameters.KEYWORD_ONLY
            option = "--set" if name == "changes" else f"--{name.replace('_', '-')}"
            word = option if is_option else name.upper()
            from fusion_flows.runs.time_expressions import ArgumentError

            raise ArgumentError(f"{word} is empty: give it a value, or leave it out")


if __name__ == "__main__":
    sys.exit(main())
