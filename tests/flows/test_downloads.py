"""Reports as downloads from the Prefect server: those of its folder of runs, and nothing else of it."""

import urllib.error
import urllib.request
from email.message import Message
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
from starlette.testclient import TestClient

from fusion_flows.rundir import directory as rundir
from fusion_flows.server.downloads import address_of, is_download, offer

from .prefect_server import Prefect
from .started import SMALL, script

RUN = "0123456789ab"


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Return a folder of runs with one that has a report."""
    run = rundir.create(tmp_path / "runs", RUN, "[general_settings]\n")
    run.report.write_text("<p>a report</p>")
    (run.path / "secret.txt").write_text("no")
    return tmp_path / "runs"


def served(runs: Path, password: str | None = None) -> TestClient:
    """Return a server whose UI takes all addresses, as that of Prefect does."""
    ui = Starlette(
        routes=[Route("/{path:path}", lambda _: PlainTextResponse("the page of the UI"))]
    )
    app = Starlette(routes=[Mount("/", ui)])
    offer(app, runs, password)
    offer(app, runs, password)  # Prefect keeps the application
    return TestClient(app)


def test_a_report_is_kept_as_a_file_and_nothing_else_is_given_out(runs: Path) -> None:
    client = served(runs)
    found = client.get(f"/fusion/reports/{RUN}.html")
    assert found.text == "<p>a report</p>"
    assert found.headers["content-disposition"] == f'attachment; filename="report-{RUN}.html"'
    assert found.headers["content-security-policy"] == "sandbox"
    assert is_download(client.head(f"/fusion/reports/{RUN}.html").headers)
    for other in (RUN[::-1], RUN.upper(), "..", "%2e%2e", f"..%2f{RUN}", f"{RUN}%2fsecret.txt"):
        refused = client.get(f"/fusion/reports/{other}.html")
        assert not is_download(refused.headers), other
        assert "report</p>" not in refused.text
    assert not is_download(client.head("/fusion/other").headers), "the UI answers, too"
    report = runs / RUN / "report.html"
    report.unlink()
    assert client.get(f"/fusion/reports/{RUN}.html").status_code == 404
    report.symlink_to(runs / RUN / "secret.txt")
    assert client.get(f"/fusion/reports/{RUN}.html").status_code == 404


def test_the_password_of_the_api_is_asked_for(runs: Path) -> None:
    client = served(runs, "me:a-long-password")
    path = f"/fusion/reports/{RUN}.html"
    asked = client.get(path)
    assert asked.status_code == 401
    assert asked.headers["www-authenticate"].startswith("Basic ")
    assert client.get(path, auth=("me", "wrong")).status_code == 401
    assert client.get(path, auth=("me", "a-long-password")).text == "<p>a report</p>"


def test_the_address_is_beside_that_of_the_api() -> None:
    assert address_of("http://127.0.0.1:4200/api", RUN) == f"/fusion/reports/{RUN}.html"
    assert address_of("https://host/team/api/", RUN) == f"/team/fusion/reports/{RUN}.html"


def got(url: str) -> tuple[bytes, Message]:
    with urllib.request.urlopen(url, timeout=90) as answer:
        return answer.read(), answer.headers


def test_the_report_in_prefect_links_to_its_file_where_the_server_has_it(
    server: Prefect, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    code = f"""
import os
fusion(overrides={SMALL!r}, name="with a link {tmp_path.name}")
os.environ["FUSION_RUNS_DIR"] = {str(elsewhere)!r}
fusion(overrides={SMALL!r}, name="without {tmp_path.name}")
"""
    assert server.call(script(tmp_path, code)).wait(120) == 0
    run = server.named(f"with a link {tmp_path.name}")
    directory = server.directory(run)
    address = f"/fusion/reports/{directory.name}.html"
    assert f"[Download this report]({address})" in server.artifacts(run)["report"]["data"]
    content, headers = got(server.url.removesuffix("/api") + address)
    assert content == (directory / "report.html").read_bytes()
    assert is_download(headers)
    with pytest.raises(urllib.error.HTTPError) as missing:
        got(server.url.removesuffix("/api") + "/fusion/reports/aaaaaaaaaaaa.html")
    assert missing.value.code == 404

    run = server.named(f"without {tmp_path.name}")
    directory = elsewhere / server.directory(run).name
    report = server.artifacts(run)["report"]["data"]
    assert "Download" not in report
    assert f"`fusion open {directory.name}` opens `{directory / 'report.html'}`" in report
