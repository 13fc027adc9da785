"""Compile in the background what a first run needs, while Prefect's server starts."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fusion.config.config import Config, to_ini
from fusion_flows.engines.simulator import simulator

_GRACE_SECONDS = 0.0  # there is nothing that it would have to write


@contextmanager
def compiled_ahead(config: Config) -> Iterator[None]:
    """Compile the event loop of a config in a process of its own meanwhile, if this is the first run here.

    A simulator that is started meanwhile waits for it. The process ends at the latest with the context, or
    with this process. Where anything is in the cache, there is none: its start takes more than it saves.
    """
    from fusion.kernel_cache import is_anything_compiled  # here, as LLVM is slow to load

    if is_anything_compiled():
        yield
        return
    with tempfile.TemporaryDirectory(prefix="fusion-compile-") as folder:
        file = Path(folder, "config.ini")
        file.write_text(to_ini(config), encoding="utf-8")
        log = Path(folder, "compile.log")
        with simulator("compile", {"config": file}, log=log, grace_seconds=_GRACE_SECONDS):
            yield
