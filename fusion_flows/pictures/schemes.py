"""A picture for a page that may be light or dark: SVG with colours for both, and no paper of its own.

A browser draws an SVG picture in the colour scheme of the page around it, or, if it does not know of that, of
the system. Where the latter is the other one, ink and curves are fainter, but still seen.
"""

import base64
import io
import re
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

_Array = NDArray[Any]


class Scheme(NamedTuple):
    """The colours of a picture on pages of one kind."""

    paper: str
    """Behind labels that cross lines, and in hollow markers: about that of the page."""
    ink: str
    """Text, axes and everything grey."""
    darkest: float
    """Lightness (CIE L*) that black would have; that of any colour is between it and the next."""
    lightest: float
    """Lightness that white would have."""


LIGHT = Scheme("#ffffff", "#666666", 36.0, 55.0)
DARK = Scheme("#26272b", "#a4a4a4", 55.0, 78.0)

PIXELS_PER_POINT = 200 / 72
"""A picture is as large on a page as its PNG of 200 dots per inch would be."""

_GREY_BELOW = 50.0  # lightness up to which grey is ink; what is lighter is ink that shines through
_BACKGROUND = re.compile(
    r'(<g id="(?:figure|axes)_\d+">\s*<g id="patch_\d+">\s*<path [^>]*style=")fill: #ffffff'
)
_COLOR = re.compile(r"\b(fill|stroke): (#[0-9a-fA-F]{6})\b")
_IMAGE = re.compile(r'<image ([^>]*?)xlink:href="data:image/png;base64,([^"]*)"([^>]*)>')
_SIZE = re.compile(r'(<svg[^>]*?) width="([\d.]+)pt" height="([\d.]+)pt"')


def for_both_schemes(svg: str) -> str:
    """Return a picture of matplotlib, as SVG, in colours for light and dark pages."""
    names: dict[str, str] = {}

    def colored(match: re.Match[str]) -> str:
        what, color = match[1], match[2].lower()
        if color == "#ffffff":
            return f"{what}: var(--paper)"
        if color[1:3] == color[3:5] == color[5:7]:
            lightness = float(_lightness(_linear(color) @ _WEIGHTS))
            if lightness <= _GREY_BELOW:
                return f"{what}: var(--ink)"
            seen = (100.0 - lightness) / (100.0 - _GREY_BELOW)
            return f"{what}: var(--ink); {what}-opacity: {seen:.2f}"
        return f"{what}: var({names.setdefault(color, f'--c{len(names)}')})"

    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>\s*", "", svg, flags=re.DOTALL)
    svg = _BACKGROUND.sub(r"\1fill: none", svg)
    svg = _IMAGE.sub(_two_images, _COLOR.sub(colored, svg))
    svg = svg.replace("fill: var(--paper); opacity: 0.8", "fill: var(--paper); opacity: 0.95")
    svg = _SIZE.sub(_in_pixels, svg, count=1)
    styles = [_style(scheme, names) for scheme in (LIGHT, DARK)]
    rules = (
        f"svg{{{styles[0]}fill:var(--ink)}}.dark{{display:none}}"
        f"@media(prefers-color-scheme:dark){{svg{{{styles[1]}}}.dark{{display:inline}}.light{{display:none}}}}"
    )
    return svg.replace("</style>", f"{rules}</style>", 1)


def _style(scheme: Scheme, names: dict[str, str]) -> str:
    colors = {name: in_scheme(color, scheme) for color, name in names.items()}
    values = {"--paper": scheme.paper, "--ink": scheme.ink, **colors}
    return "".join(f"{name}:{value};" for name, value in values.items())


def _in_pixels(match: re.Match[str]) -> str:
    width, height = (round(float(match[n]) * PIXELS_PER_POINT) for n in (2, 3))
    return f'{match[1]} width="{width}" height="{height}"'


def _two_images(match: re.Match[str]) -> str:
    """Return the picture of a colour scale twice, of which each scheme shows one."""
    from PIL import Image  # here, as it comes with matplotlib, which is slow to load

    before = Image.open(io.BytesIO(base64.b64decode(match[2]))).convert("RGBA")
    pixels = np.asarray(before) / 255
    found = []
    for name, scheme in (("light", LIGHT), ("dark", DARK)):
        colors = _encoded(_in_band(_decoded(pixels[..., :3]), scheme))
        data = io.BytesIO()
        shown = np.concatenate([colors, pixels[..., 3:]], axis=2)
        Image.fromarray((255 * shown).round().astype(np.uint8), "RGBA").save(data, "PNG")
        text = base64.b64encode(data.getvalue()).decode()
        link = f'xlink:href="data:image/png;base64,{text}"'
        found.append(f'<image class="{name}" {match[1]}{link}{match[3]}>')
    return "".join(found)


def in_scheme(color: str, scheme: Scheme) -> str:
    """Return a colour such as #0072b2 with its hue, and a lightness that is seen in the scheme."""
    encoded = _encoded(_in_band(_linear(color), scheme))
    return "#" + "".join(f"{round(255 * part):02x}" for part in encoded.tolist())


# Red, green and blue of sRGB (IEC 61966-2-1): shares of luminance, and the curve of its encoding.
_WEIGHTS = np.array([0.2126, 0.7152, 0.0722])


def _decoded(encoded: _Array) -> _Array:
    found: _Array = np.where(
        encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4
    )
    return found


def _encoded(linear: _Array) -> _Array:
    linear = np.clip(linear, 0.0, 1.0)
    found: _Array = np.where(
        linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055
    )
    return found


def _linear(color: str) -> _Array:
    return _decoded(np.array([int(color[n : n + 2], 16) / 255 for n in (1, 3, 5)]))


def luminance(color: str) -> float:
    """Return the relative luminance of a colour such as #0072b2, as WCAG 2 defines it."""
    return float(_linear(color) @ _WEIGHTS)


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two colours, 1 to 21, as WCAG 2 defines it."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def _lightness(luminances: _Array) -> _Array:
    """Return CIE L*, 0 to 100."""
    found: _Array = np.where(
        luminances <= 216 / 24389, luminances * 24389 / 27, 116 * np.cbrt(luminances) - 16
    )
    return found


def _in_band(linear: _Array, scheme: Scheme) -> _Array:
    """Return colours, float64[..., 3], with the same hue and a lightness between those of the scheme."""
    before = (linear @ _WEIGHTS)[..., None]
    wanted = scheme.darkest + (scheme.lightest - scheme.darkest) * _lightness(before) / 100
    after = ((wanted + 16) / 116) ** 3
    scaled = np.where(before > 0, linear * after / np.maximum(before, 1e-9), after)
    # What a screen cannot show so light and so pure is mixed with grey of the same luminance.
    most = scaled.max(axis=-1, keepdims=True)
    purity = np.where(most > 1, (1 - after) / np.maximum(most - after, 1e-9), 1.0)
    found: _Array = after + purity * (scaled - after)
    return found
