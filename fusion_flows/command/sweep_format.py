"""What a sweep file has, for a help text: a line for each key, and a small example."""

from fusion.config.shipped import SWEEPS

KEYS: dict[str, str] = {
    "template": "template or INI file to start from",
    "[grid]": "axes whose values are all combined",
    "[[zip]]": "axes that go together, value by value",
    "[[points]]": "combinations of values, written out",
    "where": "which combinations are wanted",
    "[overrides.SECTION]": "settings for all points",
    "metric": "what is judged, drawn and compared",
    "[labels]": "names of values in pictures",
}
"""Key of a sweep, as a file has it, to what it means. docs/sweeps.md says more."""

_EXAMPLE = "quick"


def sweep_format() -> str:
    """Return the text."""
    keys = "\n".join(f"  {key:<20} {meaning}" for key, meaning in KEYS.items())
    example = (SWEEPS / f"{_EXAMPLE}.toml").read_text(encoding="utf-8")
    indented = "\n".join(f"  {line}".rstrip() for line in example.splitlines()[1:])
    return (
        "A sweep file is TOML, or the same as JSON:\n\n"
        f"{keys}\n\n"
        "An axis is erlang, the load, or any key of the settings\n"
        "(`fusion explain` lists them): a list of values, or start,\n"
        "stop and step or count. The sweep quick is\n\n"
        f"{indented}\n\n"
        "`fusion new my_sweep.toml` writes one to start from.\n"
    )
