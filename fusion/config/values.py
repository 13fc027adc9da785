"""Types of configuration values: each reads a typed value or its INI text, and nothing else.

Python's own conversions take too much (True as 1, "1_000", NaN) or fail in their own ways (integers
of 5,000 digits, deep nesting), so every type says here what it takes.
"""

import json
import math
import re
from collections.abc import Mapping
from pathlib import PurePath
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from fusion.config.named_files import names_agent
from fusion.config.problems import show

_INTEGER = re.compile(r"[+-]?\d{1,18}")
_NUMBER = re.compile(r"[+-]?(\d{1,30}(\.\d{0,30})?|\.\d{1,30})(e[+-]?\d{1,3})?", re.IGNORECASE)
_SHARE = re.compile(r"""\s*(["']?)([^"':,{}]*)\1\s*:\s*(["']?)([^"':,{}]*)\3\s*""")
_LINK = re.compile(
    r"""[(\[]\s*["']?([^"',()\[\]]+?)["']?\s*,\s*["']?([^"',()\[\]]+?)["']?\s*"""
    r"""(?:,\s*["']?([^"',()\[\]]+?)["']?\s*)?[)\]]"""
)
_LINKS = re.compile(rf"({_LINK.pattern}(\s*,\s*{_LINK.pattern})*)?")
_FLAGS = {
    **dict.fromkeys(("true", "yes", "on", "1"), True),
    **dict.fromkeys(("false", "no", "off", "0"), False),
}
_POLICY = re.compile(r".+\.py:[A-Za-z]\w*")
_MAX_TEXT = 4096
_MAX_JSON = 65_536
_MAX_SHARES = 1000

TOLD = "told"
"""Type of the pydantic errors whose message says it all; others only say that a type is wrong."""


def told(message: str) -> PydanticCustomError:
    """Return a validation error with a message of its own (which is not a template)."""
    return PydanticCustomError(TOLD, "{message}", {"message": message})


def _number(value: object) -> float:
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("not a number")
    if isinstance(value, int) and abs(value) > 10**18:
        raise ValueError("far too large")
    if not math.isfinite(value):
        raise ValueError("not finite")
    return float(value)


def _integer(value: object) -> int:
    if isinstance(value, str) and _INTEGER.fullmatch(value.strip()):
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) <= 10**18:
        return value  # not by way of float, which is exact only up to 2**53
    number = _number(value)
    if not number.is_integer() or abs(number) > 2**53:
        raise ValueError("not an integer")
    return int(number)


def _flag(value: object) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.strip().lower() in _FLAGS:
        return _FLAGS[value.strip().lower()]
    if isinstance(value, int) and value in (0, 1):
        return value == 1
    raise ValueError("neither true nor false")


def _text(value: object) -> str:
    if isinstance(value, PurePath):
        value = str(value)
    if not isinstance(value, str):
        raise told(f"must be text, not {show(value, 20)}")
    if len(value) > _MAX_TEXT:
        raise told(f"must have at most {_MAX_TEXT} characters")
    value = value.strip()
    if not value.isprintable():
        raise told("must not have control characters or line breaks")
    return value


def _optional_text(value: object) -> str:
    text = "" if value is None else _text(value)
    return "" if text.lower() == "none" else text


def _word(value: object) -> str:
    return "None" if value is None else _text(value)


def _integer_or_auto(value: object) -> int | str:
    return "auto" if isinstance(value, str) and value.strip().lower() == "auto" else _integer(value)


def _policy(value: object) -> str:
    text = _optional_text(value)
    if text.lower().endswith(".zip"):
        raise told(
            "is a model of Stable-Baselines3, which could run any code if it were loaded; write an agent "
            "from its weights alone: fusion agent model.zip --to agent.onnx"
        )
    if text and not names_agent(text) and not _POLICY.fullmatch(text):
        raise told(
            "must be a Python file and a function in it, such as my_policy.py:choose, or a trained agent, "
            "such as agent.onnx; a built-in policy is chosen by path_choice and allocation_method"
        )
    return text


def _shares(value: object) -> dict[float, float]:
    """Read {bit rate: share} from a mapping or its text, sorted by bit rate so order means nothing.

    The text is a flat dictionary as Python or JSON writes it. It is matched, not evaluated.
    """
    form = 'a dictionary of bit rates in Gb/s and their shares, like {"25": 0.4, "100": 0.6}'
    pairs = _pairs(value, form, "a pair of numbers", "bit rates")
    shares: dict[float, float] = {}
    for raw_rate, raw_share in pairs:
        try:
            rate, share = _number(raw_rate), _number(raw_share)
        except ValueError:
            pair = f"{show(raw_rate, 30)}: {show(raw_share, 30)}"
            raise told(f"must be {form}; '{pair}' is not a pair of numbers") from None
        if rate in shares:
            raise told(f"must have every bit rate once; {rate:g} Gb/s is there twice")
        if not 0 < rate <= 1e6:
            raise told(f"must have bit rates above 0 and at most 1,000,000 Gb/s, not {rate:g}")
        if not 0 <= share <= 1:
            raise told(f"must have shares from 0 to 1; that of {rate:g} Gb/s is {share:g}")
        shares[rate] = share
    total = math.fsum(shares.values())
    if abs(total - 1) > 1e-9:
        raise told(f"must have shares that sum to 1; they sum to {total:.10g}")
    return dict(sorted(shares.items()))


def _by_format(value: object) -> dict[str, float]:
    """Read {modulation format: number} from a mapping or its text, as Python or JSON writes it."""
    form = 'a dictionary of modulation format and number, like {"QPSK": 6.72, "16-QAM": 13.24}'
    pairs = _pairs(value, form, "such a pair", "formats")
    numbers: dict[str, float] = {}
    for raw_name, raw_number in pairs:
        name = _text(raw_name)
        try:
            number = _number(raw_number)
        except ValueError:
            number = math.inf
        if not name or not abs(number) <= 1e9:
            pair = f"{show(raw_name, 30)}: {show(raw_number, 30)}"
            raise told(f"must be {form}; '{pair}' is not such a pair")
        if name in numbers:
            raise told(f"must have every format once; {show(name, 30)} is there twice")
        numbers[name] = number
    return dict(sorted(numbers.items()))


def _pairs(value: object, form: str, one: str, many: str) -> list[tuple[object, object]]:
    """Return the pairs of a mapping or of its text, a flat dictionary as Python or JSON writes it.

    The text is matched, not evaluated. form, one, many: what it must be, a pair of it, and what is counted.
    """
    if isinstance(value, str):
        text = value.strip()
        if not (text.startswith("{") and text.endswith("}")) or len(text) > 32 * _MAX_SHARES:
            raise told(f"must be {form}")
        items = text[1:-1].split(",")
        if not items[-1].strip():
            items.pop()  # Python allows a comma after the last pair
        pairs: list[tuple[object, object]] = []
        for item in items:
            match = _SHARE.fullmatch(item)
            if match is None:
                raise told(f"must be {form}; '{show(item.strip(), 40)}' is not {one}")
            pairs.append((match[2], match[4]))
    elif isinstance(value, Mapping):
        pairs = list(value.items())
    else:
        raise told(f"must be {form}")
    if not 1 <= len(pairs) <= _MAX_SHARES:
        raise told(f"must have 1 to {_MAX_SHARES} {many}, not {len(pairs)}")
    return pairs


def _node(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)  # nodes often have numbers for names
    return _optional_text(value)


def named_links(text: str) -> tuple[tuple[str, str, str], ...]:
    """Return the names of two nodes and of their link in a list of links such as [(1, 2), (2, 3, north)].

    The name of a link is empty where it is not given. Raise ValueError for other text.
    """
    inner = text.strip().removeprefix("[").removesuffix("]").strip().removesuffix(",")
    if not _LINKS.fullmatch(inner):
        raise ValueError("not a list of links")
    return tuple((match[1], match[2], match[3] or "") for match in _LINK.finditer(inner))


def _links(value: object) -> str:
    """Return a list of links as one text, however it is written."""
    if isinstance(value, list | tuple):
        if any(not isinstance(link, list | tuple) or len(link) not in (2, 3) for link in value):
            raise told("must be a list of links such as [(1, 2), (2, 3)]")
        value = ", ".join(f"({', '.join(map(str, link))})" for link in value)
    text = _optional_text(value)
    try:
        links = named_links(text)
    except ValueError:
        raise told("must be a list of links such as [(1, 2), (2, 3)]") from None
    return (
        "[" + ", ".join(f"({', '.join(filter(None, link))})" for link in links) + "]"
        if links
        else ""
    )


def dictionaries(text: str) -> list[dict[str, Any]]:
    """Return the dictionaries in a value of the type `Dictionaries`."""
    return json.loads(text) if text else []


def _dictionaries(value: object) -> str:
    """Return a list of flat dictionaries as one text in JSON, however it is written."""
    form = 'must be a list of dictionaries such as [{"failed_node_id": 3, "t_fail_time": 12}]'
    if isinstance(value, str) or value is None:
        text = " ".join((value or "").split())
        if text.lower() in ("", "none"):
            return ""
        if len(text) > _MAX_JSON:
            raise told(f"must have at most {_MAX_JSON:,} characters")
        try:
            # Python's quotes are as good, as in other dictionaries.
            value = json.loads(
                text if '"' in text else text.replace("'", '"'), object_pairs_hook=_each_once
            )
        except RecursionError:
            raise told(form) from None
        except json.JSONDecodeError as error:
            raise told(f"{form}; {error.msg} at character {error.pos + 1}") from None
    if not isinstance(value, list | tuple) or not all(isinstance(each, Mapping) for each in value):
        raise told(form)
    found = []
    for number, each in enumerate(value, start=1):
        for key, item in each.items():
            flat = isinstance(item, bool | int | float | list | tuple) or item is None
            if not isinstance(key, str) or not (flat or isinstance(item, str)):
                raise told(f"{form}; number {number} has {show(item, 40)} for {show(key, 40)}")
        found.append(dict(sorted(each.items())))
    text = json.dumps(found, ensure_ascii=False) if found else ""
    if len(text) > _MAX_JSON or not text.isprintable():
        raise told(f"must have at most {_MAX_JSON:,} characters, and no control characters")
    return text


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return a dictionary of pairs; Raise for a key that is there twice."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise told(
            f"must have every key of a dictionary once; not {', '.join(k for k, _ in pairs)}"
        )
    return found


def _point(value: object) -> str:
    """Return longitude, latitude as one text, however it is written."""
    form = "must be longitude, latitude in degrees, such as -74.0, 40.7"
    if isinstance(value, list | tuple):
        value = ", ".join(map(str, value))
    text = _optional_text(value)
    if not text:
        return ""
    parts = text.strip("()[]").split(",")
    try:
        longitude, latitude = map(_number, map(str.strip, parts))
    except ValueError:
        raise told(form) from None
    if not (-360 <= longitude <= 360 and -90 <= latitude <= 90):
        raise told(f"{form}, up to 360 and 90")
    return f"{longitude!r}, {latitude!r}"


# Beside a type, after its bounds, as in Annotated[int, Field(ge=0), Integer].
Integer = BeforeValidator(_integer)
Number = BeforeValidator(_number)
Flag = BeforeValidator(_flag)
Word = BeforeValidator(_word)  # for a Literal; Python's None is the word None, as in FUSION's files
Name = Annotated[str, Field(min_length=1), BeforeValidator(_text)]
OptionalPath = Annotated[str, BeforeValidator(_optional_text)]
OptionalText = OptionalPath
PolicyName = Annotated[str, BeforeValidator(_policy)]
NodeName = Annotated[str, BeforeValidator(_node)]
Links = Annotated[str, BeforeValidator(_links)]
Dictionaries = Annotated[str, BeforeValidator(_dictionaries)]
Point = Annotated[str, BeforeValidator(_point)]
Shares = Annotated[dict[float, float], BeforeValidator(_shares)]
ByFormat = Annotated[dict[str, float], BeforeValidator(_by_format)]
IntegerOrAuto = Annotated[
    Annotated[int, Field(ge=0, le=10**12)] | Literal["auto"], BeforeValidator(_integer_or_auto)
]
