"""Load what draws and writes reports while a simulator starts, so that nobody waits for it at the end."""

import importlib
import threading
from contextlib import suppress

_MODULES = (
    "scipy.special",
    "matplotlib.backends.backend_agg",
    "matplotlib.backends.backend_svg",
    "fusion_flows.pictures.files",
    "fusion_flows.pictures.run",
    "fusion_flows.pictures.bit_rates",
    "fusion_flows.pictures.topology",
    "fusion_flows.pictures.convergence",
    "jinja2",
)


def preload() -> threading.Thread:
    """Begin to load, in a thread, and return that. What cannot be loaded is reported where it is needed."""
    # A daemon: a process that is asked to end does not wait for it.
    thread = threading.Thread(target=_load, name="preload", daemon=True)
    with suppress(RuntimeError):  # there are too many threads
        thread.start()
    return thread


def _load() -> None:
    with suppress(Exception):
        for name in _MODULES:
            importlib.import_module(name)
        from PIL import Image

        Image.preinit()
