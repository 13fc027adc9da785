"""Files other than modules that come with the packages: what is deployed, and examples.

In a checkout they lie beside the packages, where people look for them; a wheel has them inside.
"""

from pathlib import Path

_PACKAGE = Path(__file__).parents[1]


def shipped(name: str) -> Path:
    """Return where a file or folder is that comes with the packages; it may be missing."""
    inside = _PACKAGE / name
    return inside if inside.exists() else _PACKAGE.parent / name


def prefect_file() -> Path:
    """Return prefect.yaml, which says what is deployed."""
    return shipped("prefect.yaml")


def example_files() -> dict[Path, Path]:
    """Return the files of the examples by their place in that folder, sorted; none is an error here."""
    folder = shipped("examples")
    return {
        file.relative_to(folder): file
        for file in sorted(folder.rglob("*"))
        if file.is_file() and "__pycache__" not in file.parts and not file.name.startswith(".")
    }
