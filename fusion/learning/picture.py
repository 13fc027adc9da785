"""The spectrum as a picture: a row for each link, a column for each slot."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

_FREE, _TAKEN, _BETWEEN = (236, 239, 241), (38, 84, 124), (255, 255, 255)
_CANDIDATE = (214, 116, 24)
_WIDTH, _HEIGHT, _MARGIN = 4, 8, 10
"""Pixels of a slot, with one between it and the next; of the mark beside a link."""


def spectrum_picture(free: NDArray[np.int8], candidates: Iterable[int]) -> NDArray[np.uint8]:
    """Return uint8[height, width, 3]: free slots light and taken ones dark.

    free: int8[link, slot], planes one after the other. candidates: links of the paths of the request that
    waits; they have a mark on their left.
    """
    links, slots = free.shape
    cells = np.full((links, _HEIGHT, slots, _WIDTH, 3), _BETWEEN, dtype=np.uint8)
    color = np.array([_TAKEN, _FREE], dtype=np.uint8)[free]
    cells[:, :-1, :, :-1] = color[:, None, :, None]
    picture = np.full((links * _HEIGHT, _MARGIN + slots * _WIDTH, 3), _BETWEEN, dtype=np.uint8)
    picture[:, _MARGIN:] = cells.reshape(links * _HEIGHT, slots * _WIDTH, 3)
    for link in candidates:
        picture[link * _HEIGHT : (link + 1) * _HEIGHT - 1, : _MARGIN - 3] = _CANDIDATE
    return picture
