"""The blocks of a page: code and commands, each with a mark that says what a test does with it.

The mark is a comment in the line before the block, which a reader does not see:

    <!-- run -->              python, or commands: they run, and what is shown below a `$ command` comes out
    <!-- file: my.ini -->     it is written to that file, for the blocks that follow
    <!-- parsed: reason -->   commands of `fusion` that the program would take; why they do not run
    <!-- not run: reason -->  such as: output, or needs two machines

In what is shown `...` stands for anything; so does a figure that no two machines agree on.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    path
    for folder in (ROOT, ROOT / "docs", ROOT / "docs" / "howto")
    for path in folder.glob("*.md")
)
MARKS = ("run", "file", "parsed", "not run")

_BLOCK = re.compile(
    r"^(?:<!-- (?P<mark>[a-z ]+)(?:: (?P<reason>[^\n]+?))? -->\n)?^```(?P<language>\w*)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


class Block(NamedTuple):
    """One block of a page. line: where it begins."""

    line: int
    mark: str
    reason: str
    language: str
    text: str

    @property
    def commands(self) -> list[tuple[str, str]]:
        """Commands with what is shown below each; remarks after # are left out."""
        found: list[tuple[str, str]] = []
        shown = any(line.startswith("$ ") for line in self.text.splitlines())
        for line in re.sub(r"\\\n\s*", "", self.text).splitlines():
            if shown and not line.startswith("$ "):
                command, output = found.pop()
                found.append((command, f"{output}{line}\n"))
            elif command := re.sub(r"(^|\s+)#.*", "", line.removeprefix("$ ")).strip():
                found.append((command, ""))
        return found


def blocks(page: Path) -> list[Block]:
    """Return the blocks of a page."""
    text = page.read_text(encoding="utf-8")
    return [
        Block(
            text.count("\n", 0, match.start()) + 1,
            match["mark"] or "",
            match["reason"] or "",
            match["language"],
            match["text"],
        )
        for match in _BLOCK.finditer(text)
    ]


def agrees(shown: str, came: str) -> bool:
    """Say whether what came out is what a page shows."""
    pattern = re.escape(_same_everywhere(shown).strip()).replace(re.escape("..."), ".*?")
    pattern = re.sub(r"(\\\s)+", r"\\s+", pattern)
    return re.fullmatch(pattern, _same_everywhere(came).strip(), re.DOTALL) is not None


def _same_everywhere(text: str) -> str:
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "TIME", text)
    text = re.sub(r"\b\d+(\.\d+)? (s|min|seconds)\b", "SECONDS", text)
    return re.sub(r"[0-9a-f]{12}", "KEY", text)
