"""Templates: INI files by their names, those of a folder and the shipped ones."""

import os.path
from pathlib import Path, PurePath

from fusion.config.named_files import InputFolders, missing_file, near_file, told_path
from fusion.config.problems import ConfigError, Problem, brief, closest, nearest, show, with_allowed
from fusion.config.shipped import TEMPLATES

_TEMPLATE = "template"
_ENDINGS = (".ini",)


def template_names(templates_dir: Path | None = None) -> list[str]:
    """Return the names that `load_config` takes: shipped templates and those of a folder.

    Raises ConfigError if the folder cannot be listed.
    """
    return sorted(_templates(templates_dir))


def find_template(
    template: str | Path, templates_dir: Path | None, folders: InputFolders | None
) -> Path:
    """Return the file of a template, which is there. Raises ConfigError."""
    if not isinstance(template, str | PurePath):
        message = f"must be a name or a path, not {type(template).__name__}"
        raise ConfigError([Problem("", _TEMPLATE, brief(template), message, "")])
    known = _templates(templates_dir)
    text = str(template)
    is_path = isinstance(template, PurePath) or "/" in text or "\\" in text
    if text in known:
        path = known[text]
    elif is_path or text.lower().endswith(".ini"):
        path = Path(template)
    else:
        hint = nearest(text, sorted(known)) or near_file(
            os.path.abspath(text), folders, endings=_ENDINGS
        )
        allowed = f"available: {', '.join(sorted(known))}; the path of a file ends in .ini"
        message = with_allowed("unknown template", hint, allowed)
        raise ConfigError([Problem("", _TEMPLATE, told_path(text), message, "")])
    if folders is not None:
        path = Path(os.path.abspath(path))  # so that no folder outside has a part in it
        if not folders.hold(path):
            told = told_path(str(path))
            raise ConfigError([Problem("", _TEMPLATE, told, folders.refusal(), "")])
    if not os.path.exists(path):
        # As it was typed it may go by way of a folder outside.
        given = text if folders is None else str(path)
        found = missing_file(_TEMPLATE, given, _ENDINGS, folders)
        if "did you mean" not in found.message and (near := closest(path.stem, known)):
            hint = f"; did you mean the template '{near}'?"
            found = found._replace(message=found.message + hint)
        raise ConfigError([found])
    return path


def _templates(templates_dir: Path | None) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for folder in (TEMPLATES, templates_dir):  # a user's own template hides a shipped one
        try:
            files = sorted(folder.iterdir()) if folder is not None else []
        except (OSError, ValueError) as error:
            message = f"the templates folder cannot be listed: {error}"
            raise ConfigError([Problem("", "", None, message, show(str(folder), 400))]) from None
        found |= {file.stem: file for file in files if file.suffix == ".ini" and file.is_file()}
    return found
