"""`fusion up`: server, set-up and worker in one command, which ends all of it in order.

Prefect's worker ends at a signal by killing the flows it runs, which leaves them Running for ever.
So at the end the worker is stopped where it stands (it takes nothing more), its flows are asked to
end while the server is still there, and what they could not say themselves is said for them.
"""

import hashlib
import http.client
import os
import signal
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit
from uuid import UUID

import psutil

from fusion_flows.command.terminal import silence
from fusion_flows.process.tree import ProcessTree
from fusion_flows.rundir.bounded_log import keep_small
from fusion_flows.rundir.log_stream import tail
from fusion_flows.runs.time_expressions import ArgumentError
from fusion_flows.server import address as server_address
from fusion_flows.server import database as server_database
from fusion_flows.server import known_folders
from fusion_flows.server.address import LivingServer, ServerFile
from fusion_flows.server.settings import Settings

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import FlowRun

DEFAULT_PORT = 4200

_ANSWER_SECONDS = 2.0
_START_SECONDS = 120.0
_END_SECONDS = 10.0  # for the server, from being asked to being killed
_FLOWS_SECONDS = 20.0  # for flows beyond their grace time: the last news and the report
_LOOK_SECONDS = 0.2
_NO_ADVERTISING = "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT"
_QUERY_SECONDS = "0.5"  # between two polls of the worker for new runs; a poll takes 14 ms of CPU
_TAIL_LINES = 15
_FLOW_RUN_ID = "PREFECT__FLOW_RUN_ID"  # in the environment of a flow's process
_LABEL = "prefect.worker.name"
_WAITS = "`fusion up` was ended before it began; it waits for a worker."


class UpError(RuntimeError):
    """Server or worker cannot be started, or ended by themselves; the message says all."""


def _readable(settings: Settings) -> tuple[Path, ...]:
    """Return the folders that a run of the worker may read, which works where this process does."""
    places = settings.places(remote=True)
    return (*(places["input_dirs"] or ()), *filter(None, [places["templates_dir"]]))


class _Stop(Exception):
    """A signal came before everything was up."""


class _Part(NamedTuple):
    """The server or the worker."""

    name: str
    tree: ProcessTree
    log: Path
    command: list[str]

    def is_alive(self) -> bool:
        """Return whether it has not ended."""
        return self.tree.wait(0) is None

    def check(self) -> None:
        """Raise UpError when it has ended; keep its log small."""
        if (code := self.tree.wait(0)) is not None:
            raise UpError(
                f"the {self.name} has ended by itself with exit code {code}. Its log, {self.log}, "
                f"ends with\n{tail(self.log, _TAIL_LINES)}"
            )
        with suppress(OSError):  # a full disk ends neither server nor worker
            keep_small(self.log)

    def process(self) -> psutil.Process | None:
        """Return the process of the command itself; the tree's own is that of a guard."""
        for process in self._processes():
            with suppress(psutil.Error):
                if process.cmdline() == self.command:
                    return process
        return None

    def ask_to_end(self) -> None:
        """Ask the command to end, as a terminal would."""
        if (process := self.process()) is not None:
            with suppress(psutil.Error):
                process.terminate()

    def kill(self) -> None:
        """End it with all that it has started, at once."""
        deadline = time.monotonic() + _END_SECONDS
        while self.is_alive() and time.monotonic() < deadline:
            for process in reversed(self._processes()[1:]):
                with suppress(psutil.Error):
                    process.kill()
            self.tree.wait(_LOOK_SECONDS)
        self.tree.end()

    def _processes(self) -> list[psutil.Process]:
        try:
            root = psutil.Process(self.tree.pid)
            return [root, *root.children(recursive=True)]
        except psutil.Error:
            return []


class _Signals:
    """Counts SIGINT, SIGTERM and SIGHUP: the first ends everything in order, the second at once."""

    def __init__(self) -> None:
        """Count nothing yet."""
        self.count = 0

    def check(self) -> None:
        """Raise _Stop when a signal has come."""
        if self.count:
            raise _Stop

    @contextmanager
    def heard(self) -> Iterator[None]:
        """Hear them for as long as the context lasts."""
        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        before = {number: signal.signal(number, self._hear) for number in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _hear(self, number: int, _frame: FrameType | None) -> None:
        if self.count and number == signal.SIGHUP:
            return  # a terminal that is closed sends it more than once
        self.count += 1


def up(
    *,
    max_concurrent_runs: int | None = None,
    host: str = "127.0.0.1",
    port: int | None = None,
    runs_dir: Path | None = None,
    say: Callable[[str], None] = print,
) -> None:
    """Start a Prefect server and a simulation worker; Ctrl-C stops both.

    Ctrl-C is the usual way to end it, with exit code 0. If PREFECT_API_URL names a server, only the worker
    is started. Runs that are running when it stops keep their finished replications; waiting runs are still
    waiting at the next start.

    Args:
        max_concurrent_runs: Number of runs that may run at the same time; others wait. Remembered for the
            next start; default: as at the last start, or 1 the first time.
        host: Address to listen on; default: 127.0.0.1. With any other address, set a password.
        port: Port of the server; default: that of PREFECT_API_URL, else 4200.
        runs_dir: Folder of the run directories; default: FUSION_RUNS_DIR, else `runs` here. Other
            commands on this machine that use this server read and write there, too, whatever folder
            they are typed in.
        say: Told what happens, in lines.

    Raises:
        ArgumentError: A number or an address that cannot be.
        UpError: Something cannot be started, or ended by itself.
        AlreadyUpError: Another one is running.
        NewerDatabaseError: A newer Prefect has used the database.
    """
    if max_concurrent_runs is not None and max_concurrent_runs < 1:
        raise ArgumentError(f"--max-concurrent-runs {max_concurrent_runs}: must be 1 or more")
    say = _while_heard(say)
    folder = server_address.folder()
    runs_dir = (runs_dir or Settings().runs_dir).expanduser().absolute()
    _check_runs_dir(runs_dir)
    signals = _Signals()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with signals.heard(), ServerFile() as file, ExitStack() as trees:
            starting = LivingServer("", runs_dir, os.getpid(), starting=True)
            file.write(starting)  # at once: to look for a server takes seconds
            url, listen = _place(host, port)
            file.write(starting._replace(url=url))
            os.environ[server_address.URL] = url
            os.environ["FUSION_RUNS_DIR"] = str(runs_dir)
            store = Settings().store.expanduser().absolute()
            input_dirs = tuple(map(os.path.abspath, _readable(Settings())))
            if os.environ.get("FUSION_STORE_DIR"):
                os.environ["FUSION_STORE_DIR"] = str(store)
            _give_password()
            parts = _Parts(folder, trees, signals, say)
            try:
                if listen is not None:
                    parts.start_server(url, *listen)
                parts.start_worker(max_concurrent_runs)
                file.write(LivingServer(url, runs_dir, os.getpid(), str(store), input_dirs))
                known_folders.remember(known_folders.RUNS, runs_dir)
                _say_what_is_up(url, runs_dir, store, folder, say)
                while not signals.count:
                    parts.check()
                    time.sleep(_LOOK_SECONDS)
            finally:
                parts.end()
        say("Ended.")
    except _Stop:
        say("Ended before everything was up.")
    except OSError as error:
        raise UpError(
            f"cannot use {error.filename or folder}: {error.strerror or error}"
        ) from error


def _while_heard(say: Callable[[str], None]) -> Callable[[str], None]:
    """Return a function that says what it is given until nobody hears it: what is said ends nothing.

    A terminal that is closed refuses what is printed, and so does a pipe whose reader is gone.
    """

    def said(text: str) -> None:
        try:
            say(text)
        except OSError:
            silence(sys.stdout)

    return said


# --- where ---------------------------------------------------------------------------------------


def _check_runs_dir(runs_dir: Path) -> None:
    try:
        runs_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UpError(
            f"cannot make the folder of runs {runs_dir}: {error.strerror or error}; --runs-dir names "
            "another"
        ) from None
    if not os.access(runs_dir, os.W_OK | os.X_OK):
        raise UpError(f"cannot write into the folder of runs {runs_dir}; --runs-dir names another")


def _place(host: str, port: int | None) -> tuple[str, tuple[str, int] | None]:
    """Return the server's address, and where it is to listen; None when it is there already."""
    configured = server_address.configured()
    if configured and _answers(configured):
        return configured, None
    if configured:
        there = urlsplit(configured)
        ours = there.hostname in ("127.0.0.1", "localhost", "::1", host)
        if not ours or (port is not None and port != there.port):
            raise UpError(
                f"nothing answers at {configured}, where PREFECT_API_URL says that the server is; "
                "start that one, or take the setting away to have a server here"
            )
        port = there.port or DEFAULT_PORT
    port = DEFAULT_PORT if port is None else port
    _check_port(host, port)
    reached = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(
        host, f"[{host}]" if ":" in host else host
    )
    return configured or f"http://{reached}:{port}/api", (host, port)


def _check_port(host: str, port: int) -> None:
    if not 1 <= port <= 65_535:
        raise ArgumentError(f"--port {port}: must be from 1 to 65535")
    try:
        family, kind, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise ArgumentError(
            f"--host {host}: is not an address of this machine ({error.strerror})"
        ) from None
    with socket.socket(family, kind) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
            return
        except OSError as error:
            reason = error.strerror or str(error)
    url = f"http://{host}:{port}/api"
    if _answers(url):
        raise UpError(
            f"port {port} is taken: a Prefect server answers at {url}. To use that one, set "
            f"PREFECT_API_URL={url}; to have another one, give another --port"
        )
    raise UpError(f"cannot listen on {host}, port {port}: {reason}; give another --port")


def _answers(url: str) -> bool:
    """Return whether a Prefect server answers there."""
    try:
        with urllib.request.urlopen(f"{url.rstrip('/')}/health", timeout=_ANSWER_SECONDS) as answer:
            return bool(answer.read(16).strip() == b"true")
    except urllib.error.HTTPError as error:
        return error.code in (401, 403)
    except (OSError, ValueError, http.client.HTTPException):
        return False


def _give_password() -> None:
    """Let clients have the password of a server that is started here."""
    if password := os.environ.get("PREFECT_SERVER_API_AUTH_STRING"):
        os.environ.setdefault("PREFECT_API_AUTH_STRING", password)


# --- start and end -------------------------------------------------------------------------------


class _Parts:
    """Server and worker: started one after the other, and ended in the opposite order."""

    def __init__(
        self, folder: Path, trees: ExitStack, signals: _Signals, say: Callable[[str], None]
    ) -> None:
        """Prepare to write logs into `folder` and to leave no process behind when `trees` closes."""
        self._folder = folder
        self._trees = trees
        self._signals = signals
        self._say = say
        self._server: _Part | None = None
        self._worker: _Part | None = None

    def check(self) -> None:
        """Raise UpError when server or worker has ended."""
        for part in (self._server, self._worker):
            if part is not None:
                part.check()

    def start_server(self, url: str, host: str, port: int) -> None:
        """Start the server and wait until it answers."""
        server_database.check()
        environment = {_NO_ADVERTISING: "false", **os.environ}
        if host not in ("127.0.0.1", "localhost", "::1"):
            if "PREFECT_SERVER_API_AUTH_STRING" not in os.environ:
                self._say(
                    f"Warning: whoever reaches {host}, port {port}, can see, start and delete runs, "
                    "and through the server run any program as you. Set "
                    "PREFECT_SERVER_API_AUTH_STRING=user:password here, and the same as "
                    "PREFECT_API_AUTH_STRING where the server is used from."
                )
            shown = socket.gethostname() if host in ("0.0.0.0", "::") else host
            environment.setdefault("PREFECT_UI_API_URL", f"http://{shown}:{port}/api")
        self._say(f"Starting the Prefect server at {_page(url)} ...")
        command = ["-m", "fusion_flows.server", "start", "--host", host, "--port", str(port)]
        self._server = self._start("server", command, self._trees, environment)
        self._wait(lambda: _answers(url), "the server to answer", self._server)

    def start_worker(self, max_concurrent_runs: int | None) -> None:
        """Set the server up, start the worker and wait until the server knows it."""
        self._say("Setting up work pool and deployments, starting the worker ...")
        self._set_up(max_concurrent_runs)
        from fusion_flows.command.deploy import POOL

        name = worker_name()
        command = ["-m", "prefect", "worker", "start", "--pool", POOL, "--name", name]
        environment = {"PREFECT_WORKER_QUERY_SECONDS": _QUERY_SECONDS, **os.environ}
        with server_address.connect() as client:
            _delete_worker(client)
            self._worker = self._start("worker", command, self._trees, environment)

            def online() -> bool:
                return any(one.name == name for one in client.read_workers_for_work_pool(POOL))

            self._wait(online, "the worker to be known to the server", self._worker)

    def _set_up(self, max_concurrent_runs: int | None) -> None:
        command = ["-m", "fusion_flows.command.cli", "set-up"]
        if max_concurrent_runs is not None:
            command += ["--max-concurrent-runs", str(max_concurrent_runs)]
        with ExitStack() as ending:
            part = self._start("set-up", command, ending, dict(os.environ))
            import fusion_flows.command.deploy  # noqa: F401 - it takes a second, which passes meanwhile

            while (code := part.tree.wait(_LOOK_SECONDS)) is None:
                self._signals.check()
                self.check()
        if code:
            raise UpError(f"cannot set the server up: {tail(part.log, _TAIL_LINES)}")

    def _start(
        self, name: str, arguments: list[str], trees: ExitStack, environment: dict[str, str]
    ) -> _Part:
        log = self._folder / f"{name}.log"
        log.unlink(missing_ok=True)
        command = [sys.executable, *arguments]
        tree = ProcessTree(command, log=log, grace_seconds=_END_SECONDS, environment=environment)
        return _Part(name, trees.enter_context(tree), log, command)

    def _wait(self, condition: Callable[[], bool], what: str, part: _Part) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while not condition():
            self._signals.check()
            self.check()
            if time.monotonic() > deadline:
                raise UpError(
                    f"waited {_START_SECONDS:.0f} s in vain for {what}. Its log, {part.log}, ends "
                    f"with\n{tail(part.log, _TAIL_LINES)}"
                )
            time.sleep(_LOOK_SECONDS)

    def end(self) -> None:
        """End flows, worker and server, in this order; at once when one more signal comes."""
        before = self._signals.count

        def hurried() -> bool:
            return self._signals.count > min(before, 1)

        server, worker = self._server, self._worker
        if worker is not None:
            there = server is None or server.is_alive()
            _end_flows(worker, there, hurried, self._say)
        if server is not None and server.is_alive() and not hurried():
            self._say("Ending the server ...")
            server.ask_to_end()
            deadline = time.monotonic() + _END_SECONDS
            while server.is_alive() and time.monotonic() < deadline and not hurried():
                time.sleep(_LOOK_SECONDS)
        if hurried():
            self._say("Ending everything at once.")
        for part in (worker, server):
            if part is not None:
                part.kill()


def _end_flows(
    worker: _Part, server_is_there: bool, hurried: Callable[[], bool], say: Callable[[str], None]
) -> None:
    """Stop the worker, end its flows, and see that each has a final state or waits again."""
    flows: dict[UUID, psutil.Process] = {}
    if (process := worker.process()) is not None:
        with suppress(psutil.Error):
            process.suspend()  # else it would kill its flows, and take the next runs meanwhile
            flows = _flows(process)
    if flows:
        say("Stopping the running simulations; Ctrl-C again stops everything at once ...")
    for flow in flows.values():
        with suppress(psutil.Error):
            flow.terminate()
    grace_seconds = Settings().grace_seconds
    # With no server there is nobody to tell the last news to.
    deadline = time.monotonic() + grace_seconds + (_FLOWS_SECONDS if server_is_there else 0.0)
    while any(map(_is_alive, flows.values())):
        if hurried() or time.monotonic() > deadline:
            break
        time.sleep(_LOOK_SECONDS)
    worker.kill()
    if hurried():
        _write_cancelled(set(flows))
    elif server_is_there:
        try:
            _settle(set(flows), say)
        except Exception as error:  # whatever Prefect says; the rest has to end
            say(
                f"The server did not take the last states ({error}); its maintenance will see to it."
            )


def _write_cancelled(flows: set[UUID]) -> None:
    """Have the files of runs that were ended at once say Cancelled; maintenance will tell Prefect."""
    from fusion_flows.rundir.directory import list_runs
    from fusion_flows.rundir.file_state import is_complete, recorded_flow_run, write_cancelled

    by_id = {str(flow): flow for flow in flows}
    for run in list_runs(Settings().runs_dir) if flows else ():
        flow = by_id.get(recorded_flow_run(run))
        if flow is not None and not is_complete(run):
            write_cancelled(run, flow)


def _settle(flows: set[UUID], say: Callable[[str], None]) -> None:
    """Give each run of our worker that has none a final state, or let it wait again."""
    from prefect.states import Cancelled, Scheduled

    from fusion_flows.rundir.directory import own_run_id
    from fusion_flows.rundir.file_state import write_cancelled
    from fusion_flows.runs.lookup import located, our_flows

    runs_dir = Settings().runs_dir

    with server_address.connect() as client:
        simulation = {one.id for one in client.read_flows(flow_filter=our_flows())}
        for flow_run_id in flows | _taken(client):
            flow_run = client.read_flow_run(flow_run_id)
            state, run_id = flow_run.state, own_run_id(runs_dir, flow_run_id)
            message, said = "`fusion up` was ended.", ""
            found = located(run_id, flow_run, runs_dir)
            if flow_run.flow_id in simulation:
                to_go_on = found.to_go_on
                said = f"ended; `{to_go_on}` goes on"
                message += f" What was finished is kept; to continue: Retry, or `{to_go_on}`."
                if state is None or state.is_pending():
                    client.set_flow_run_state(flow_run_id, Scheduled(message=_WAITS), force=True)
                    say(f"  {run_id} {flow_run.name}: waits for the next `fusion up`")
                    continue
            if state is None or state.is_crashed() or not state.is_final():
                client.set_flow_run_state(flow_run_id, Cancelled(message=message), force=True)
                if found.directory is not None:
                    write_cancelled(found.directory, flow_run_id)
            elif said:
                said = state.name or ""
            if said:
                say(f"  {run_id} {flow_run.name}: {said}")
        _delete_worker(client)


def _taken(client: "SyncPrefectClient") -> set[UUID]:
    """Return the flow runs that our worker has taken and that are not over."""
    from prefect.client.schemas.filters import FlowRunFilter, WorkPoolFilter

    from fusion_flows.command.deploy import POOL

    going_on = {"state": {"type": {"any_": ["PENDING", "RUNNING", "CANCELLING"]}}}
    flow_runs = client.read_flow_runs(
        flow_run_filter=FlowRunFilter.model_validate(going_on),
        work_pool_filter=WorkPoolFilter.model_validate({"name": {"any_": [POOL]}}),
    )
    workers = client.read_workers_for_work_pool(POOL)
    alone = {one.name for one in workers if one.status.value == "ONLINE"} <= {worker_name()}

    def is_ours(flow_run: "FlowRun") -> bool:
        worker = flow_run.labels.get(_LABEL)  # a run gets it a moment after it is taken
        pending = flow_run.state is not None and flow_run.state.is_pending()
        return worker == worker_name() or (worker is None and pending and alone)

    return {flow_run.id for flow_run in flow_runs if is_ours(flow_run)}


def worker_name() -> str:
    """Return what our worker is called: one name for one machine and PREFECT_HOME.

    What runs under it is ended by us, so nobody else may have it.
    """
    home = hashlib.sha256(os.fsencode(server_address.folder())).hexdigest()[:6]
    return f"fusion-up-{socket.gethostname()}-{home}"


def _delete_worker(client: "SyncPrefectClient") -> None:
    """Take our worker off the server's list, where one that was killed stays online for a while."""
    import httpx

    from fusion_flows.command.deploy import POOL

    with suppress(httpx.HTTPStatusError):
        client.request(
            "DELETE",
            "/work_pools/{work_pool_name}/workers/{name}",
            path_params={"work_pool_name": POOL, "name": worker_name()},
        )


def _say_what_is_up(
    url: str, runs_dir: Path, store: Path, folder: Path, say: Callable[[str], None]
) -> None:
    from fusion_flows.command.deploy import POOL, RUNS_QUEUE

    with server_address.connect() as client:
        queue = client.read_work_queue_by_name(RUNS_QUEUE, work_pool_name=POOL)
    at_once = queue.concurrency_limit
    limit = f"{at_once} at a time; further ones wait" if at_once else "any number at a time"
    say(
        f"FUSION is up.\n"
        f"  Prefect UI     {_page(url)}\n"
        f"  Runs           {limit}\n"
        f"  Runs folder    {runs_dir}\n"
        f"  Store          {store}\n"
        f"  Logs           {folder}\n"
        f"Start a run in the UI (Deployments, sim, Run, Custom run) or from another terminal:\n"
        f"  fusion run quick --detach\n"
        f"Ctrl-C stops the running simulations, the worker and the server."
    )


def _page(url: str) -> str:
    return url.removesuffix("/api")


def _flows(worker: psutil.Process) -> dict[UUID, psutil.Process]:
    """Return the processes of the flows that a worker runs, by flow run."""
    found = {}
    for process in worker.children(recursive=True):
        try:
            if "prefect.engine" in process.cmdline():
                found[UUID(process.environ().get(_FLOW_RUN_ID, ""))] = process
        except (psutil.Error, OSError, ValueError):
            continue
    return found


def _is_alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False
