"""A database that a newer Prefect has used: said at once, by every command that would open it."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from fusion_flows.command import doctor
from fusion_flows.server import database as server_database
from fusion_flows.server.database import NewerDatabaseError

from .prefect_server import plain_environment, used_home

NEWER = "0123456789ab"  # no Prefect has it


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return a home of Prefect whose database is that of this Prefect, but for a later revision."""
    home = tmp_path / "prefect"
    shutil.copytree(used_home(), home)
    with closing(sqlite3.connect(home / "prefect.db")) as database:
        assert database.execute("SELECT count(*) FROM alembic_version").fetchone() == (1,)
        database.execute("UPDATE alembic_version SET version_num = ?", (NEWER,))
        database.commit()
    return home


def database_of(home: Path) -> doctor.Check:
    from prefect.settings import PREFECT_API_DATABASE_CONNECTION_URL, temporary_settings

    url = f"sqlite+aiosqlite:///{home / 'prefect.db'}"
    with temporary_settings({PREFECT_API_DATABASE_CONNECTION_URL: url}):
        return doctor._database(None, "")


def test_doctor_says_that_the_database_is_newer(home: Path, tmp_path: Path) -> None:
    newer = database_of(home)
    assert newer.verdict == "problem"
    assert f"{home / 'prefect.db'} was last used by a newer Prefect" in newer.found
    assert "put back a copy from before the upgrade" in newer.mend

    mine = database_of(used_home())
    assert (mine.verdict, mine.mend) == ("ok", "")
    assert mine.found.endswith(" MB")
    assert database_of(tmp_path / "nowhere").found.endswith("not created yet")


def test_every_revision_of_the_installed_prefect_is_known(home: Path) -> None:
    import prefect

    scripts = Path(prefect.__file__).parent / "server/database/_migrations/versions/sqlite"
    revisions = [
        line.split('"')[1]
        for file in scripts.glob("*.py")
        for line in file.read_text().splitlines()
        if line.startswith(("revision =", "revision:"))
    ]
    assert len(revisions) > 50
    assert [one for one in revisions if not server_database._is_known(one)] == []
    assert not server_database._is_known(NEWER)


@pytest.mark.parametrize(
    "words",
    [
        ("fusion_flows.command.cli", "up"),
        ("fusion_flows.command.cli", "run", "quick"),
        ("fusion_flows",),
    ],
    ids=["up", "run", "module"],
)
def test_a_command_ends_at_once_and_leaves_the_database_alone(
    home: Path, tmp_path: Path, words: tuple[str, ...]
) -> None:
    before = (home / "prefect.db").read_bytes()
    done = subprocess.run(
        [sys.executable, "-m", *words],
        cwd=tmp_path,
        env=plain_environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=100,  # Prefect itself waits for 120 s and then shows a traceback
    )
    assert done.returncode == 1
    assert "was last used by a newer Prefect than" in done.stderr
    assert NEWER in done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert (home / "prefect.db").read_bytes() == before


def test_a_call_from_python_says_so(home: Path, tmp_path: Path) -> None:
    code = """
from fusion_flows import fusion
from fusion_flows.server.database import NewerDatabaseError
try:
    fusion()
except NewerDatabaseError as error:
    print("told:", error)
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=plain_environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.stdout.startswith("told: Prefect's database"), done.stderr
    assert issubclass(NewerDatabaseError, RuntimeError)


@pytest.mark.parametrize(
    ("prefect", "fastapi", "sqlalchemy", "wrong"),
    [
        ("3.8.8", "0.150.0", "2.0.58", []),
        ("3.8.8", "0.150.0", "2.1.9", ["sqlalchemy"]),
        ("3.8.8", "0.165.0", "2.1.9", ["fastapi", "sqlalchemy"]),
        ("3.9.1", "0.150.0", "2.1.9", []),
        ("3.9.1", "0.165.0", "2.0.58", ["fastapi"]),
    ],
)
def test_doctor_knows_what_does_not_go_together(
    prefect: str, fastapi: str, sqlalchemy: str, wrong: list[str]
) -> None:
    installed = {"prefect": prefect, "fastapi": fastapi, "sqlalchemy": sqlalchemy}
    found = list(doctor._not_together(installed))
    assert [one.subject for one in found] == wrong
    assert all(one.verdict == "problem" and prefect in one.found and one.mend for one in found)
