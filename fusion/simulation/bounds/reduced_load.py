"""Blocking of fixed routing, approximated: each link alone, with the load that the others let through.

It is no bound. Kaufman (IEEE Trans. Commun. 29, 1981, 1474) and Roberts (Performance of Data Communication
Systems, 1981, 423) for a link whose slots need not be adjacent; the reduced load of Chung and Ross (IEEE
Trans. Commun. 41, 1993, 1222) for links that are taken to block independently of each other.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fusion.scenario.scenario import Scenario

Floats = NDArray[np.float64]

_ROUNDS = 500
_CHANGE = 1e-9


def kaufman_roberts(slots: int, widths: NDArray[np.int64], erlang: Floats) -> Floats:
    """Return float64[link, width], the blocking on links with as many slots each.

    widths: int64[width]. erlang: float64[link, width], offered. n q(n) = sum over widths of erlang x width x
    q(n - width).
    """
    links = len(erlang)
    q = np.zeros((slots + 1, links))
    q[0] = 1.0
    work = erlang * widths
    for n in range(1, slots + 1):
        fits = widths <= n
        q[n] = np.einsum("lw,wl->l", work[:, fits], q[n - widths[fits]]) / n
        if n % 64 == 0:  # before numbers get too large
            q[: n + 1] /= np.maximum(q[: n + 1].max(axis=0), 1e-300)
    total = q.sum(axis=0)
    blocking = [q[max(0, slots - width + 1) :].sum(axis=0) / total for width in widths.tolist()]
    return np.column_stack(blocking)


def reduced_load_blocking(scenario: Scenario, load: float) -> Floats:
    """Return float64[pair, bit rate], the blocking where each pair uses its first path within reach alone.

    load: offered, in Erlang. Slots of all planes count together, and neither adjacent slots nor the same on
    each link are asked for.
    """
    network, traffic = scenario.network, scenario.traffic
    pairs, rates = len(traffic.pair_shares), len(traffic.bit_rate_shares)
    path, width = np.full((pairs, rates), -1), np.zeros((pairs, rates), dtype=np.int64)
    for pair in range(pairs):
        for one in range(network.first_path[pair + 1] - 1, network.first_path[pair] - 1, -1):
            on_path = network.width[network.width_row[one], :rates]
            path[pair, on_path > 0] = one
            width[pair] = np.where(on_path > 0, on_path, width[pair])
    erlang = load * traffic.pair_shares[:, None] * traffic.bit_rate_shares[None]
    used = (path >= 0) & (erlang > 0.0)
    blocking = np.where(path >= 0, 0.0, 1.0)
    if not used.any():
        return blocking
    widths, column = np.unique(width[used], return_inverse=True)
    # Requests of one path and one width are alike.
    kinds, kind = np.unique(np.stack([path[used], column]), axis=1, return_inverse=True)
    offered = np.bincount(kind, erlang[used])
    hops = [network.links[network.first_hop[one] : network.first_hop[one + 1]] for one in kinds[0]]
    row = np.repeat(np.arange(len(hops)), [len(each) for each in hops])
    link = np.concatenate(hops)
    of_width = kinds[1][row]
    shape = (network.spectrum.shape[1], len(widths))
    on_link = np.zeros(shape)
    for _ in range(_ROUNDS):
        passes = np.log1p(-np.minimum(on_link[link, of_width], 1.0 - 1e-12))
        through = np.bincount(row, passes, minlength=len(hops))
        thinned = np.zeros(shape)
        np.add.at(thinned, (link, of_width), (offered[row] * np.exp(through[row] - passes)))
        before, on_link = on_link, kaufman_roberts(scenario.slots_per_link, widths, thinned)
        on_link = 0.5 * (before + on_link) if np.any(before) else on_link
        if np.abs(on_link - before).max() < _CHANGE:
            break
    passes = np.log1p(-np.minimum(on_link[link, of_width], 1.0 - 1e-12))
    blocking[used] = -np.expm1(np.bincount(row, passes, minlength=len(hops)))[kind]
    return blocking
