"""Pictures in colours for light and dark pages: contrasts in numbers."""

import base64
import io
import re
from itertools import combinations
from xml.etree import ElementTree

import matplotlib
import numpy as np
import pytest
from PIL import Image

from fusion.config.config import load_config
from fusion.scenario.inputs import read_inputs
from fusion_flows.pictures.files import image
from fusion_flows.pictures.schemes import (
    DARK,
    LIGHT,
    Scheme,
    contrast,
    for_both_schemes,
    in_scheme,
    luminance,
)
from fusion_flows.pictures.style import LOOKS
from fusion_flows.pictures.topology import topology_figure

from .drawn import draw, sweep

# The pages of Prefect's UI and of its cards, in either version.
PAGES = {LIGHT: ("#ffffff", "#eaebeb"), DARK: ("#26272b", "#303136", "#1c1d20")}
OTHER = {LIGHT: DARK, DARK: LIGHT}
BOTH = pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
VIRIDIS = [matplotlib.colors.to_hex(matplotlib.colormaps["viridis"](n / 20)) for n in range(21)]
COLORS = [*(look.color.lower() for look in LOOKS[1:]), *VIRIDIS]


def svg(figure: object) -> str:
    return for_both_schemes(image(figure, "svg", 200).decode())  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def curves() -> str:
    rows = sweep({"k_paths": list(range(1, 9))})
    return svg(draw(rows, "k_paths"))


@pytest.fixture(scope="module")
def network() -> str:
    topology = read_inputs(load_config("quick"), quiet=True).topology
    links = [
        {"source": topology.nodes[a], "destination": topology.nodes[b], "utilisation": n / 22}
        for n, (a, b, _) in enumerate(topology.links)
    ]
    return svg(topology_figure(topology, "a network", links=links))


def test_contrast_is_that_of_wcag() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#ffffff", "#777777") == pytest.approx(4.48, abs=0.01)
    assert contrast("#0000ff", "#ffffff") == pytest.approx(8.59, abs=0.01)


@BOTH
def test_text_and_curves_are_seen_on_the_pages_of_both_uis(scheme: Scheme) -> None:
    for page in PAGES[scheme]:
        assert contrast(scheme.ink, page) >= 4.5, "WCAG AA, text"
        for color in COLORS:
            assert contrast(in_scheme(color, scheme), page) >= 3.0, f"WCAG AA, graphics: {color}"
    assert contrast(scheme.ink, scheme.paper) >= 4.5
    for page in PAGES[OTHER[scheme]]:  # in a browser that goes by the system and not by the page
        assert contrast(scheme.ink, page) >= 2.0


@BOTH
def test_colours_keep_their_hue_and_are_told_apart(scheme: Scheme) -> None:
    curves = [scheme.ink, *(in_scheme(look.color.lower(), scheme) for look in LOOKS[1:])]
    for one, other in combinations(curves, 2):
        parts = [[int(color[n : n + 2], 16) for n in (1, 3, 5)] for color in (one, other)]
        assert np.hypot.reduce(np.subtract(*parts)) > 35, (one, other)
    for before in COLORS:
        after = in_scheme(before, scheme)
        order = [int(before[n : n + 2], 16) for n in (1, 3, 5)]
        turned = [int(after[n : n + 2], 16) for n in (1, 3, 5)]
        assert np.argmax(turned) == np.argmax(order), f"{before} has become {after}"
        assert np.argmin(turned) == np.argmin(order), f"{before} has become {after}"
    lighter = sorted(COLORS, key=luminance)
    assert luminance(in_scheme(lighter[0], scheme)) < luminance(in_scheme(lighter[-1], scheme))


@pytest.mark.parametrize("name", ["curves", "network"])
def test_a_picture_has_no_paper_and_no_colour_of_its_own(
    name: str, request: pytest.FixtureRequest
) -> None:
    text: str = request.getfixturevalue(name)
    root = ElementTree.fromstring(text)
    assert int(root.attrib["width"]) > 400
    rules = re.search(r"<style[^>]*>(.*?)</style>", text, re.DOTALL)
    assert rules is not None
    light, _, dark = rules[1].partition("@media(prefers-color-scheme:dark)")
    drawn = text.replace(rules[0], "")
    used = set(re.findall(r"var\((--\w+)\)", text))
    assert len(used) > 8
    for names in (light, dark):
        assert used <= set(re.findall(r"(--\w+):#", names)), "a colour is missing"
    assert not re.search(r"(fill|stroke): #", drawn), "a colour that is the same on every page"
    for what in ("figure_1", *(["axes_1"] if name == "curves" else [])):
        ground = re.search(
            rf'<g id="{what}">\s*<g id="patch_\d+">\s*<path [^>]*style="([^"]*)"', text
        )
        assert ground is not None
        assert ground[1].startswith("fill: none")


def test_the_scale_of_colours_is_there_for_either_page(network: str) -> None:
    shown = re.findall(r'<image class="(\w+)" [^>]*base64,([^"]*)"', network)
    assert [name for name, _ in shown] == ["light", "dark"]
    for (_, data), scheme in zip(shown, (LIGHT, DARK), strict=True):
        picture = Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB")
        colors = {
            "#{:02x}{:02x}{:02x}".format(*color) for _, color in picture.getcolors(10**6) or []
        }
        assert len(colors) > 50
        for color in colors:
            assert min(contrast(color, page) for page in PAGES[scheme]) >= 2.9, color
