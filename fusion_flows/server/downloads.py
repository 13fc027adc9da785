"""Reports of runs as downloads from the Prefect server, so that a page of its UI can link to them.

A link in an artifact can lead to a web address only: what is in the page itself, as data, the UI takes away.
"""

import base64
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from fusion_flows.rundir.directory import RunDirectoryError, open_run
from fusion_flows.rundir.files import open_file

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

_FOLDER = "/fusion/reports"
_NAME = "fusion-reports"
_FILE = "report.html"
_HEADERS = {
    "Cache-Control": "no-store",  # the report of a run that is resumed is written anew
    "X-Content-Type-Options": "nosniff",
    # A browser keeps it as a file. Opened here after all, it could not act in the name of the UI.
    "Content-Security-Policy": "sandbox",
}


def address_of(api_url: str, run_id: str) -> str:
    """Return the address of the report of a run on the server of this API, without scheme and host."""
    return f"{urlsplit(api_url).path.removesuffix('/').removesuffix('/api')}{_FOLDER}/{run_id}.html"


def is_download(headers: Any) -> bool:
    """Return whether an answer with these headers is a report; to other addresses the UI answers itself."""
    return str(headers.get("content-disposition", "")).startswith("attachment")


def offer(app: Any, runs_dir: Path, password: str | None) -> None:
    """Have a Prefect server also give out the reports of the runs in a folder, and nothing else of them.

    app: the server as a Starlette application. runs_dir: absolute. password: user:password that the API asks
    for, and so do the reports; None: it asks for none.
    """
    from starlette.responses import PlainTextResponse, Response
    from starlette.routing import Route

    def report(request: "Request") -> "Response":
        if password and not _is_known(request.headers.get("authorization", ""), password):
            ask = {"WWW-Authenticate": 'Basic realm="Prefect", charset="UTF-8"'}
            return PlainTextResponse("a password is needed\n", 401, ask)
        run_id = request.path_params["run_id"]
        try:
            with open_file(open_run(runs_dir, run_id), _FILE) as file:
                content = file.read()
        except (RunDirectoryError, OSError):
            return PlainTextResponse("there is no such report\n", 404, _HEADERS)
        name = {"Content-Disposition": f'attachment; filename="report-{run_id}.html"'}
        return Response(content, 200, {**_HEADERS, **name}, "text/html; charset=utf-8")

    if all(getattr(route, "name", "") != _NAME for route in app.router.routes):
        # Before the UI, which takes all addresses.
        app.router.routes.insert(0, Route(f"{_FOLDER}/{{run_id}}.html", report, name=_NAME))


def _is_known(given: str, password: str) -> bool:
    kind, _, code = given.partition(" ")
    expected = base64.b64encode(password.encode())
    return kind.lower() == "basic" and secrets.compare_digest(code.strip().encode(), expected)
