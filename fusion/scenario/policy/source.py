"""The source of a user's policy, which goes with the inputs of a run wherever they go."""

from __future__ import annotations

import hashlib
import json
import os
from typing import NamedTuple


class PolicyFile(NamedTuple):
    """One file. name: without folder and ending."""

    name: str
    text: str


class PolicySource(NamedTuple):
    """A policy. files: the one that is named, then those it imports, each before what it imports itself.

    folder: where they were read, so that a debugger finds them; not part of what the policy is.
    """

    function: str
    files: tuple[PolicyFile, ...]
    folder: str = ""

    @property
    def key(self) -> str:
        """SHA-256, in hex, of the function's name and all text."""
        first, *others = self.files
        found = [self.function, first.text, sorted(others)]
        return hashlib.sha256(json.dumps(found).encode()).hexdigest()

    @property
    def label(self) -> str:
        """The policy as a config names it, without its folder."""
        return f"{self.files[0].name}.py:{self.function}"

    @property
    def names(self) -> dict[str, str]:
        """Path of each file -> its name in messages."""
        return {self.path(file): f"{file.name}.py" for file in self.files}

    def path(self, file: PolicyFile) -> str:
        """Return where a file was read."""
        return os.path.join(self.folder, f"{file.name}.py")
