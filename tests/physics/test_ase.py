import numpy as np
import pytest

from fusion.network.physics.ase import amplifier_noise, ase_noise, noise_figure
from fusion.network.physics.fibre import Fibre, span_loss


def test_amplifier_noise_by_hand():
    # 2 * 1.5 * (100 - 1) * 6.62607015e-34 J s * 193.4 THz * 12.5 GHz
    assert amplifier_noise(1.5, 100.0, 193.4e12, 12.5e9) == pytest.approx(4.757502e-7, rel=1e-6)


def test_an_amplifier_without_gain_is_silent():
    assert amplifier_noise(1.5, 1.0, 193.4e12, 12.5e9) == 0.0


def test_a_span_has_the_emission_factor_of_its_band_and_makes_good_its_loss():
    for band, n_sp in Fibre().n_sp:
        assert ase_noise(Fibre(), band, 190e12, 1e9) == pytest.approx(
            2 * n_sp * 6.62607015e-34 * 190e12 * 1e9 * (span_loss(Fibre()) - 1), rel=1e-12
        )


def test_noise_is_proportional_to_frequency_and_bandwidth():
    noise = ase_noise(Fibre(), "c", [[190e12], [195e12]], [12.5e9, 25e9, 50e9])
    assert noise.shape == (2, 3)
    assert noise[:, 2] / noise[:, 0] == pytest.approx([4, 4])
    assert noise[1] / noise[0] == pytest.approx(np.full(3, 195 / 190))


def test_noise_figure_of_an_amplifier_with_high_gain_is_twice_n_sp():
    assert noise_figure(1.77, 1e9) == pytest.approx(3.54)
    assert noise_figure(2.0, 10.0) == pytest.approx(3.6)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((0.9, 100, 193e12, 1e9), "n_sp = 0.9: must be 1 or more"),
        ((1.5, 0.5, 193e12, 1e9), "gain = 0.5: must be 1 or more"),
        ((1.5, 100, 0.0, 1e9), "frequency = 0: must be finite and above 0"),
        ((1.5, 100, 193e12, [1e9, -1e9]), "bandwidth = -1000000000: must be finite and above 0"),
    ],
)
def test_bad_arguments_are_refused(arguments, said):
    with pytest.raises(ValueError, match="must be") as error:
        amplifier_noise(*arguments)
    assert said in str(error.value)


def test_a_band_without_amplifiers_is_refused():
    with pytest.raises(ValueError, match="band = u: must be one of l, c, s, e, o"):
        ase_noise(Fibre(), "u", 193e12, 1e9)
