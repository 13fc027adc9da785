"""What the documents and messages tell to install can be installed, and what is published is in order."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
TEXTS = sorted(
    path
    for pattern in ("*.md", "docs/**/*.md", "fusion*/**/*.py", "examples/**/*")
    for path in ROOT.glob(pattern)
    if path.suffix in (".md", ".py", ".toml", ".ipynb") and path.name != "CHANGELOG.md"
)
ON_AN_INDEX = (
    "build",
    "distributed",
    "gnpy",
    "gymnasium",
    "ipykernel",
    "onnx",
    "sb3-contrib",
    "stable-baselines3",
    "tensorboard",
    "torch",
)
OPTIONS = re.compile(r"--(?:constraint|requirement) \S+|-[cr] \S+|--[\w-]+|-\w\b")


def told() -> list[tuple[Path, str]]:
    """Return each thing that a page or a message tells to install, with its file."""
    found = []
    for path in TEXTS:
        for words in re.findall(r"pip install ([^`#\"\n]+)", path.read_text(encoding="utf-8")):
            names = [word.strip("'(),;") for word in OPTIONS.sub("", words).split()]
            found += [(path.relative_to(ROOT), name) for name in names if "{" not in name]
    return found


def test_what_is_told_to_install_is_there() -> None:
    assert len(told()) > 8
    prose = {"the", "wheel", "or", "clone", "takes", "a"}
    for path, word in told():
        name = canonicalize_name(re.split(r"[\[=<>]", word)[0])
        is_here = word.startswith(".") or ".whl" in word
        assert is_here or word in prose or name in ON_AN_INDEX, f"{path}: {word}"
        if extra := re.search(r"\[(\w+)\]", word):
            assert extra[1] in PROJECT["project"]["optional-dependencies"], f"{path}: {word}"


def test_our_own_name_is_not_told_as_if_it_were_published() -> None:
    for path in TEXTS:
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"pip install[^`\n]*\bfusion-eon\b", text), path


def test_the_long_description_needs_nothing_beside_it() -> None:
    project = PROJECT["project"]
    text = (ROOT / project["readme"]).read_text(encoding="utf-8")
    assert [target for target in re.findall(r"\]\(([^)]+)\)", text) if "://" not in target] == []
    assert project["license"] == "MIT"
    assert project["license-files"] == ["LICENSE"]


CONSTRAINED = {
    canonicalize_name(Requirement(line).name)
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    if not line.startswith("#")
}


@pytest.mark.parametrize(
    "requirements",
    [
        pytest.param(PROJECT["project"]["dependencies"], id="package"),
        *(
            pytest.param(needs, id=extra)
            for extra, needs in PROJECT["project"]["optional-dependencies"].items()
        ),
        pytest.param(PROJECT["dependency-groups"]["dev"], id="dev"),
        pytest.param(PROJECT["build-system"]["requires"], id="build"),
    ],
)
def test_the_constraints_name_a_version_of_all_that_is_needed(requirements: list[str]) -> None:
    needed = {canonicalize_name(Requirement(each).name) for each in requirements}
    assert needed <= CONSTRAINED, needed - CONSTRAINED


@pytest.mark.parametrize("package", ["fastapi", "numba", "prefect", "sqlalchemy"])
def test_a_bound_from_above_has_its_reason(package: str) -> None:
    (line,) = [
        line
        for line in (ROOT / "pyproject.toml").read_text(encoding="utf-8").splitlines()
        if re.match(rf'    "{package}[<>]', line)
    ]
    assert "<" in line.partition("#")[0]
    assert package == "prefect" or len(line.partition("#")[2]) > 20


def test_windows_itself_is_refused_at_once() -> None:
    code = "import sys; sys.platform = 'win32'; import fusion"
    ended = subprocess.run(
        [sys.executable, "-S", "-c", code], cwd=ROOT, capture_output=True, text=True
    )
    assert ended.returncode == 1
    assert "ImportError: FUSION runs on Linux and macOS. On Windows, install and" in ended.stderr
