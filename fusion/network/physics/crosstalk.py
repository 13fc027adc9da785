"""Crosstalk between the cores of a multi-core fibre.

Sources: [1] T. Hayashi, T. Taru, O. Shimakawa, T. Sasaki, E. Sasaoka, "Design and fabrication of ultra-low
crosstalk and low-loss multi-core fiber", Opt. Express 19(17), 2011, doi 10.1364/OE.19.016576: the coupling
coefficient.  [2] M. Koshiba, K. Saitoh, K. Takenaga, S. Matsuo, "Multi-core fiber design and analysis:
coupled-mode theory and coupled-power theory", Opt. Express 19(26), 2011, doi 10.1364/OE.19.00B102: equations
of coupled power, whose solution for n equal neighbours is the mean crosstalk.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

import numpy as np

from fusion.network.physics.arguments import finite, not_negative, one_of, whole
from fusion.network.physics.fibre import Fibre, check_fibre

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

CrosstalkForm = Literal["doubled", "coupled_power", "pairs"]

FUSION_COUPLING = 3.78e-9
"""1/m: the power coupling coefficient that FUSION takes, whatever its other constants say."""
CROSSTALK_THRESHOLDS_DB = {"QPSK": -26.19, "16-QAM": -36.69, "64-QAM": -41.69}
"""Format -> greatest crosstalk in dB. FUSION's figures."""


def power_coupling(fibre: Fibre) -> float:
    """Return h in 1/m, how mean crosstalk between two cores grows with length: 2 kappa² R / (beta Lambda).

    Raise ValueError for an invalid fibre. Source: [1].
    """
    check_fibre(fibre)
    curvature = 2 * fibre.mode_coupling**2 * fibre.bend_radius
    return curvature / (fibre.propagation_constant * fibre.core_pitch)


def mean_crosstalk(
    adjacent: ArrayLike, length: ArrayLike, coupling: ArrayLike, form: CrosstalkForm = "doubled"
) -> NDArray[np.float64]:
    """Return the mean crosstalk into a core as a ratio of powers, crosstalk to signal.

    adjacent: n, the neighbours that carry light in the same slots, int[...].  length: L in m, float64[...].
    coupling: h in 1/m, float64[...].  Broadcast together; returns float64[...]. With e = exp(-x):
    doubled: n (1 - e) / (1 + n e), x = (n + 1) 2 h L: the form common in studies of networks.
    coupled_power: the same with x = (n + 1) h L: the solution of the equations of coupled power [2] for
    n cores round one, with h as of [1]. Weak crosstalk is n h L; `doubled` has twice that.
    pairs: n (1 - e) / (1 + e), x = 2 h L: FUSION's, n times that of two cores [2]; weakly n h L.

    Raise ValueError for n, L or h that is negative, and for an unknown form.
    """
    one_of("form", form, ("doubled", "coupled_power", "pairs"))
    n = whole("adjacent", adjacent, 0)
    reach = not_negative("length", length) * not_negative("coupling", coupling)
    x = {"doubled": 2 * (n + 1) * reach, "coupled_power": (n + 1) * reach, "pairs": 2 * reach}[form]
    return np.asarray(-n * np.expm1(-x) / (1 + (1 if form == "pairs" else n) * np.exp(-x)))


def crosstalk_db(ratio: ArrayLike) -> NDArray[np.float64]:
    """Return 10 log10 of crosstalk, float64[...]; -inf where there is none.

    Raise ValueError for a negative ratio.
    """
    ratios = not_negative("ratio", ratio)
    with np.errstate(divide="ignore"):
        return np.asarray(10.0 * np.log10(ratios))


def crosstalk_passes(
    ratio: ArrayLike, thresholds_db: Mapping[str, float] = CROSSTALK_THRESHOLDS_DB
) -> NDArray[np.bool_]:
    """Return bool[..., format]: whether crosstalk is below the threshold of each format, in their order.

    ratio: of a whole path, the sum over its links, float64[...].  Raise ValueError as `crosstalk_db`.
    """
    thresholds = finite("thresholds_db", list(thresholds_db.values()))
    return np.asarray(crosstalk_db(ratio)[..., None] < thresholds)
