"""GNPy as a package, loaded so that it changes nothing for the rest of a process."""

from __future__ import annotations

import importlib


def load_gnpy() -> None:
    """Load what changes numpy's output for a whole process, and give that back. Raises ImportError.

    GNPy 3.0.1 sets `legacy="1.25"` as it is imported: numbers are then printed otherwise, and the ids in
    matplotlib's SVG, which follow from such text, are others.
    """
    import numpy as np  # only here: files are recognised without it

    options = np.get_printoptions()
    importlib.import_module("gnpy.core")
    np.set_printoptions(**options)
