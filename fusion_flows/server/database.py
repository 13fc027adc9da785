"""The SQLite database of a Prefect server on this machine, and whether this Prefect can open it.

A server that starts brings its database up to its own version. An older one cannot read it any more and
ends with a traceback of its migrations, or, embedded in a call, after two minutes of waiting.
"""

import re
import sqlite3
from contextlib import closing
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit


class NewerDatabaseError(RuntimeError):
    """The database was last used by a newer Prefect; the message says what to do."""


def address() -> str:
    """Return the address of the database in Prefect's settings; there may be a password in it."""
    from prefect.settings import get_current_settings

    setting = get_current_settings().server.database.connection_url
    return setting.get_secret_value() if setting else ""


def sqlite_file() -> Path | None:
    """Return the file of the database, which may not be made yet; None: it is another kind."""
    parts = urlsplit(address())
    if parts.scheme.partition("+")[0] != "sqlite":
        return None
    return Path(f"/{parts.path.lstrip('/')}")


def check() -> None:
    """Raise NewerDatabaseError when this Prefect cannot open the database, and change nothing."""
    file = sqlite_file()
    if file is None or not (revision := _revision(file)) or _is_known(revision):
        return
    version = metadata.version("prefect")
    raise NewerDatabaseError(
        f"Prefect's database {file} was last used by a newer Prefect than the {version} that is "
        f"installed here, which cannot open it (it does not know the revision {revision}). Install the "
        "newer Prefect again, put back a copy from before the upgrade, or move the file away: Prefect "
        "then begins a new list of runs. Run directories and stores are files of their own and stay"
    )


def _revision(file: Path) -> str:
    """Return which version of the tables a database has; empty where it cannot be told."""
    try:
        with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as database:
            row = database.execute("SELECT version_num FROM alembic_version").fetchone()
    except (sqlite3.Error, OSError, ValueError):  # no such file yet, or none of Prefect's
        return ""
    return str(row[0]) if row else ""


def _is_known(revision: str) -> bool:
    """Return whether the installed Prefect has the migration that leads to a revision.

    The names of most of its files have the revision in them, and all say it. No files at all: yes.
    """
    prefect = find_spec("prefect")
    if prefect is None or prefect.origin is None:
        return True
    folder = Path(prefect.origin).parent / "server/database/_migrations/versions/sqlite"
    files = list(folder.glob("*.py"))
    if not files or any(f"_{revision}_" in f"{file.stem}_" for file in files):
        return True
    says_so = re.compile(rf"^revision\b[^=\n]*=\s*['\"]{re.escape(revision)}['\"]", re.MULTILINE)
    return any(says_so.search(file.read_text(encoding="utf-8")) for file in files)
