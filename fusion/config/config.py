"""Loading and writing configurations: template + overrides -> checked, frozen `Config`.

Everything wrong is found before anything is computed, and told at once. What each key means is in
`sections`; what becomes of FUSION's other keys is in `foreign_keys`.
"""

import logging
import os.path
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path, PurePath
from typing import Any, NamedTuple

from pydantic import ValidationError

from fusion.config import foreign_keys, named_files
from fusion.config.features import refusals
from fusion.config.ini import Entries, Entry, format_value, read_ini
from fusion.config.keys_as_fusion import (
    as_fusion_reads,
    general_wins,
    read_here_alone,
    why_refused,
)
from fusion.config.named_files import InputFolders, input_folders, told_value
from fusion.config.other_names import meant_key
from fusion.config.overrides import OVERRIDES, override_entries, read_overrides
from fusion.config.problems import ConfigError, Problem, brief, closest, nearest, show, words
from fusion.config.section import Section
from fusion.config.sections import (
    CHOICES,
    HOME,
    RANGES,
    SECTIONS,
    Config,
    contradictions,
    flat,
)
from fusion.config.shipped import (
    FUSION_NETWORKS,
    OTHER_NAMES,
    TEMPLATES,
    modulation_names,
    topology_names,
)
from fusion.config.table_files import (
    TableFile,
    compared_with_shipped,
    find_table_file,
    is_fusions,
)
from fusion.config.values import TOLD

__all__ = [
    "Config",
    "ConfigError",
    "Problem",
    "Reading",
    "ignored_keys",
    "load_config",
    "misfits",
    "read_config",
    "read_overrides",
    "source_of",
    "template_names",
    "to_ini",
]

_DEFAULT = "default"
_TEMPLATE, _INI = "template", (".ini",)
_ENDING = "_settings"
_SOURCES = (
    "_sources"  # of a loaded Config; not a field, as where values came from is not one of them
)
_METHOD, _K_PATHS = ("general_settings", "route_method"), ("routing_settings", "k_paths")
_TABLES = ("general_settings", "mod_assumption_path")

_log = logging.getLogger("fusion.config")


class Reading(NamedTuple):
    """A configuration, and what a person should know of how it was read.

    ignored: keys that were left out because they cannot change a result.  dropped: keys that were left out
    although they could: FUSION does not read them either, another one overrules them, the file is not there.
    notes: what counts here and would not in FUSION, and which file was taken, a line each.
    """

    config: Config
    ignored: list[Problem]
    dropped: list[Problem]
    notes: list[str]


def load_config(
    template: str | Path,
    overrides: Mapping[str, object] | None = None,
    *,
    templates_dir: Path | None = None,
    input_dirs: Sequence[Path] | None = None,
) -> Config:
    """Return the checked configuration: defaults < template < overrides.

    template: name of a template (in `templates_dir`, else shipped), or the path of an INI file.
    overrides: {"section": {"key": value}}, values typed or as INI text. Relative paths start from
    the INI file's folder, in overrides from the working directory, and become absolute. Keys of
    FUSION that cannot change a result are left out, with one warning in the log; other remarks on reading
    it (`Reading`) are logged, too.
    input_dirs: folders in which the template and all files that are named must lie, symbolic links
    followed; `templates_dir` and what is shipped may be read, too. None: any place, for a caller
    with the rights of this process.

    Raises ConfigError with all problems. A file outside is neither opened nor looked for.
    """
    reading = _load(template, overrides, templates_dir, input_dirs)
    warn_of_reading(reading.ignored, reading.dropped, reading.notes)
    return reading.config


def warn_of_reading(
    ignored: Sequence[Problem], dropped: Sequence[Problem], notes: Sequence[str]
) -> None:
    """Say in the log what is to be known of how a configuration was read: the parts of a `Reading`."""
    told = [
        *_summary("keys ignored, because they cannot change a result", ignored),
        *_summary("keys left out that could change a result", dropped),
        *notes,
    ]
    if told:
        _log.warning("%s", "\n".join(told))


def read_config(
    template: str | Path,
    overrides: Mapping[str, object] | None = None,
    *,
    templates_dir: Path | None = None,
    input_dirs: Sequence[Path] | None = None,
) -> Reading:
    """Do what `load_config` does without a word in the log: what is to be known is returned."""
    return _load(template, overrides, templates_dir, input_dirs)


def ignored_keys(
    template: str | Path,
    overrides: Mapping[str, object] | None = None,
    *,
    templates_dir: Path | None = None,
    input_dirs: Sequence[Path] | None = None,
) -> list[Problem]:
    """Return what `load_config` leaves out, with the reasons; it raises as `load_config` does."""
    reading = _load(template, overrides, templates_dir, input_dirs)
    return [*reading.ignored, *reading.dropped]


def source_of(config: Config, key: str) -> str:
    """Return where the value of a key came from: INI file and line, overrides, or default.

    Only a Config of `load_config` knows; of any other this is "the configuration".
    """
    sources: dict[str, str] | None = vars(config).get(_SOURCES)
    return "the configuration" if sources is None else sources.get(key, _DEFAULT)


def misfits(config: Config, use: str) -> list[Problem]:
    """Return what of a configuration does not go with a way to use it: a feature that no key switches on."""
    values = flat(config)
    return [
        Problem(HOME[key], key, told_value(key, values[key]), message, source_of(config, key))
        for key, message in refusals(values, CHOICES, (use,))
    ]


def template_names(templates_dir: Path | None = None) -> list[str]:
    """Return the names that `load_config` takes: shipped templates and those of a folder.

    Raises ConfigError if the folder cannot be listed.
    """
    return sorted(_templates(templates_dir))


def to_ini(config: Config) -> str:
    """Return the whole configuration as INI text, every key with its value.

    `load_config` reads the same Config from it.
    """
    lines = []
    for section, model in SECTIONS.items():
        values = getattr(config, section)
        lines.append(f"[{section}]")
        lines += [f"{key} = {format_value(getattr(values, key))}" for key in model.model_fields]
        lines.append("")
    return "\n".join(lines)


class _Template(NamedTuple):
    """An INI file, sorted out. tables: its entry for the file of modulation tables. found: that file."""

    ours: Entries
    others: Entries
    problems: list[Problem]
    ignored: list[Problem]
    dropped: list[Problem]
    noted: list[Problem]
    tables: Entry | None
    found: TableFile | None


class Draft(NamedTuple):
    """A configuration whose keys are checked each by itself, and not together.

    values: key -> value, without the keys that are wrong. problems: of the others. ignored: keys that are
    left out, as they cannot change a result. tables: whether the template names the modulation tables.
    """

    sections: Mapping[str, Section]
    values: Mapping[str, Any]
    problems: Sequence[Problem]
    ignored: Sequence[Problem]
    entries: Entries
    template: _Template
    tables: bool


class Variants:
    """Configurations with a template and overrides in common, which differ in a few keys.

    What they have in common is read once, and a section is checked once for all that have the same values.
    """

    def __init__(
        self,
        template: str | Path,
        overrides: Mapping[str, object] | None = None,
        *,
        templates_dir: Path | None = None,
        input_dirs: Sequence[Path] | None = None,
    ) -> None:
        """Take the arguments of `load_config`. What is wrong with the template is a problem of each draft."""
        self._folders = folders = input_folders(input_dirs, templates_dir)
        self._refused: list[Problem] = []
        self._path = Path()
        self._entries: Entries = {}
        try:
            self._path = _find_template(template, templates_dir, folders)
            self._entries, self._problems = read_ini(self._path)
        except ConfigError as error:
            self._refused = self._problems = error.problems
        self._empty = not self._entries and not self._problems
        self._overrides = overrides
        self._from_overrides = override_entries(overrides)
        self._templates: dict[bool, _Template] = {}
        self._sections: dict[object, tuple[Section, dict[str, str]]] = {}
        self._judged: tuple[Entries, list[Problem], list[Problem]] | None = None
        self._right_files: set[tuple[object, ...]] = set()
        self._sources: dict[str, str] = {}
        self._notes: dict[str, list[Problem]] = {}

    def draft(self, changes: Mapping[str, object] | None = None) -> Draft:
        """Return a variant, checked key by key. changes: key -> value, over those of the overrides."""
        from_overrides, more = self._with(changes or {})
        template = self._template(_follows_fusion(self._entries, from_overrides))
        problems = [*self._problems, *more, *template.problems]
        ours, others = dict(template.ours), dict(template.others)
        ignored = list(template.ignored)
        problems += _sort_out(from_overrides, Path(), self._folders, ours, others, ignored)
        _as_in_fusion(ours, others)
        _other_names(others, ours)
        if not self._refused:  # the template may ask for conventions that others go with
            problems += self._judge(others, ignored)
        _implied(ours, ignored)
        sections, values, more = _validate(ours, self._sections)
        problems += more
        tables = template.tables is not None and _TABLES not in from_overrides
        return Draft(sections, values, problems, ignored, ours, template, tables)

    def config(self, draft: Draft) -> Config:
        """Return the configuration of a draft, checked as a whole. Raises ConfigError with all problems."""
        ours, problems = draft.entries, list(draft.problems)
        values = dict(draft.values)
        files = tuple(values.get(key) for key in (*named_files.KEYS, "mod_assumption"))
        if files not in self._right_files:
            of_files: list[Problem] = []
            if self._folders is not None:
                of_files += _take_outside(values, self._folders, ours)
            given = draft.template.tables
            searched = draft.tables and not os.path.isabs(str(given and given.value).strip())
            of_files += [
                each
                for each in _not_found(
                    values, ours, searched=searched, template=self._path, folders=self._folders
                )
                if not self._refused or each.key in named_files.KEYS
            ]
            if not of_files:
                self._right_files.add(files)
            problems += of_files
        if not self._refused:  # what is wrong only beside a template that was not read may be right
            problems += [
                _problem(key, values[key], message, ours)
                for key, message in (
                    (_blamed(key, ours), message) for key, message in contradictions(values)
                )
            ]
        if problems:
            raise ConfigError(problems)
        config = Config.model_construct(None, **draft.sections)  # each is right, and so are all
        sources = {key: entry.source for (_, key), entry in ours.items()}
        if sources != self._sources:
            self._sources = sources
        vars(config)[_SOURCES] = self._sources  # one for all that are alike
        return config

    def reading(self, draft: Draft, config: Config) -> Reading:
        """Return what is to be known of how the configuration of a draft was read."""
        template = draft.template
        dropped, noted = list(template.dropped), list(template.noted)
        if draft.tables and template.tables is not None:
            table = config.general_settings.mod_assumption
            if table not in self._notes:
                self._notes[table] = _note_on_tables(template.tables, template.found, config)
            (noted if template.found else dropped).extend(self._notes[table])
        return Reading(config, list(draft.ignored), dropped, [str(each) for each in noted])

    def _template(self, as_fusion: bool) -> _Template:
        """Return the template, read as FUSION reads it or as we do."""
        if as_fusion not in self._templates:
            noted: list[Problem] = []
            if as_fusion:
                entries, dropped = as_fusion_reads(self._entries)
            else:
                own = {place: each for place, each in self._entries.items() if not each.inherited}
                noted = read_here_alone(own)
                entries, dropped = general_wins(own)
            if self._empty:
                text = "the file has no key: all settings are the defaults"
                noted.append(Problem("", "", None, text, str(self._path)))
            folder = self._path.parent
            tables = entries.get(_TABLES)
            found = _find_tables(entries, folder, self._folders)
            ours: Entries = {}
            others: Entries = {}
            ignored: list[Problem] = []
            problems = _sort_out(entries, folder, self._folders, ours, others, ignored)
            if problems and as_fusion:
                problems += why_refused(self._entries, str(self._path))
            self._templates[as_fusion] = _Template(
                ours, others, problems, ignored, dropped, noted, tables, found
            )
        return self._templates[as_fusion]

    def _with(self, changes: Mapping[str, object]) -> tuple[Entries, list[Problem]]:
        """Return the overrides with changes, and what is wrong with them."""
        entries, problems = self._from_overrides
        if not changes:
            return entries, problems
        if problems or any(key in changes for _, key in entries):
            overrides = {name: dict(keys) for name, keys in (self._overrides or {}).items()}  # type: ignore[call-overload]
            for key, value in changes.items():
                overrides.setdefault(HOME[key], {})[key] = value
            return override_entries(overrides)
        new = {(HOME[key], key): Entry(value, "overrides") for key, value in changes.items()}
        return entries | new, problems

    def _judge(self, others: Entries, ignored: list[Problem]) -> list[Problem]:
        if self._judged is None or self._judged[0] != others:
            harmless: list[Problem] = []
            self._judged = others, _judge(others, harmless), harmless
        _, problems, harmless = self._judged
        ignored += harmless
        return problems


def _load(
    template: str | Path,
    overrides: Mapping[str, object] | None,
    templates_dir: Path | None,
    input_dirs: Sequence[Path] | None,
) -> Reading:
    variants = Variants(template, overrides, templates_dir=templates_dir, input_dirs=input_dirs)
    draft = variants.draft()
    return variants.reading(draft, variants.config(draft))


def _blamed(key: str, ours: Entries) -> str:
    """Return the key to name of those that are wrong together: the one that was changed."""
    keys = RANGES.get(key, (key,))
    changed = (
        each
        for each in keys
        if (entry := ours.get((HOME[each], each))) and entry.source == OVERRIDES
    )
    return next(changed, keys[0])


def _problem(key: str, value: object, message: str, ours: Entries) -> Problem:
    """Return a problem of a key of ours, with where its value came from."""
    entry = ours.get((HOME[key], key))
    if entry is None:
        return Problem(HOME[key], key, brief(value), message, _DEFAULT)
    if isinstance(entry.value, str):
        if "%(" in entry.value or "${" in entry.value:
            message += "; values are taken as they stand, without interpolation"
        if " #" in entry.value or " ;" in entry.value:
            message += "; a comment needs a line of its own"
    return Problem(HOME[key], key, told_value(key, entry.value), message, entry.source)


# --- where values come from ----------------------------------------------------------------------


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


def _find_template(
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
        message = f"there is no such template; there are {', '.join(sorted(known))}"
        message += "; the path of a file ends in .ini"
        message += nearest(text, sorted(known)) or named_files.near_file(
            os.path.abspath(text), folders, endings=_INI
        )
        raise ConfigError([Problem("", _TEMPLATE, named_files.told_path(text), message, "")])
    if folders is not None:
        path = Path(os.path.abspath(path))  # so that no folder outside has a part in it
        if not folders.hold(path):
            told = named_files.told_path(str(path))
            raise ConfigError([Problem("", _TEMPLATE, told, folders.refusal(), "")])
    if not os.path.exists(path):
        # As it was typed it may go by way of a folder outside.
        given = text if folders is None else str(path)
        found = named_files.missing_file(_TEMPLATE, given, _INI, folders)
        if "did you mean" not in found.message and (near := closest(path.stem, known)):
            hint = f"; did you mean the template '{near}'?"
            found = found._replace(message=found.message + hint)
        raise ConfigError([found])
    return path


# --- which keys are ours, and what becomes of the others -----------------------------------------


def _sort_out(
    entries: Entries,
    folder: Path,
    folders: InputFolders | None,
    ours: Entries,
    others: Entries,
    ignored: list[Problem],
) -> list[Problem]:
    """Add one layer's entries to `ours` (at home) and `others`; return those with no place."""
    problems: list[Problem] = []
    unknown: list[Problem] = []
    layer: Entries = {}
    for (section, key), entry in entries.items():
        if foreign_keys.is_process_section(section) or not _is_known(section):
            continue  # told once for each section, below
        home = None if (section, key) in foreign_keys.OF_CONVENTIONS else HOME.get(key)
        if home is not None and (
            section in (home, "general_settings") or section in foreign_keys.ALSO_IN.get(key, ())
        ):
            first = layer.setdefault((home, key), entry)
            if foreign_keys.plain(first.value) != foreign_keys.plain(entry.value):
                message = f"is given as {show(first.value)}, too (see {first.source})"
                problems.append(Problem(section, key, brief(entry.value), message, entry.source))
        elif foreign_keys.find(section, key):
            others[section, key] = entry
        else:
            message = _unknown(section, key)
            unknown.append(Problem(section, key, brief(entry.value), message, entry.source))
    sources: dict[str, str] = {}
    for (section, _), entry in entries.items():
        sources.setdefault(section, entry.source)
    for section, source in sources.items():
        if foreign_keys.is_process_section(section):
            message = (
                "sections for further processes are not read (nor does FUSION's command line); "
                "write a file for each variant, or use overrides"
            )
            problems.append(Problem(section, "", None, message, source))
        elif not _is_known(section):
            unknown.append(Problem(section, "", None, _unknown_section(section), source))
    problems += named_files.first_problems(unknown)
    for place, entry in layer.items():
        ours[place] = _with_absolute_path(place, entry, folder, folders, ignored)
    return problems


def _is_known(section: str) -> bool:
    return section in SECTIONS or section in foreign_keys.SECTIONS


def _unknown_section(section: str) -> str:
    known = sorted({*SECTIONS, *foreign_keys.SECTIONS})
    # People leave out what all of the names end in.
    hint = nearest(section, known) or nearest(f"{section}{_ENDING}", known)
    return f"unknown section; there are {', '.join(SECTIONS)}{hint}"


def _unknown(section: str, key: str) -> str:
    if key in HOME:
        return f"the key belongs in [{HOME[key]}]"
    known = list(SECTIONS[section].model_fields) if section in SECTIONS else []
    suggestion = meant_key(key, known, list(HOME))
    allowed = f"; the section has {', '.join(known)}" if known and not suggestion else ""
    return f"unknown key{suggestion}{allowed}"


def _with_absolute_path(
    place: tuple[str, str],
    entry: Entry,
    folder: Path,
    folders: InputFolders | None,
    ignored: list[Problem],
) -> Entry:
    """Make a relative path absolute; a name of a shipped topology or table stays as it is."""
    key, value = place[1], entry.value
    if not named_files.is_path(key, value):
        return entry
    text = str(value).strip()
    path = os.path.abspath(folder / text)
    tables = key == "mod_assumption_path" and is_fusions(text)  # given beside the INI file
    if tables and (folders is None or folders.hold(path)) and not os.path.isfile(path):
        reason = "this is where FUSION keeps its tables; the shipped ones are used"
        ignored.append(Problem(*place, show(text), reason, entry.source))
        return Entry("", entry.source)
    return Entry(path, entry.source)


def _find_tables(entries: Entries, folder: Path, folders: InputFolders | None) -> TableFile | None:
    """Put in the place of the file of modulation tables where it is; empty for the shipped ones.

    Without such a file the shipped ones are meant where it is FUSION's own.
    """
    entry = entries.get(_TABLES)
    if entry is None or not named_files.is_path(_TABLES[1], entry.value):
        return None
    name = str(entry.value).strip()
    if os.path.isabs(name):
        return None
    found = find_table_file(name, folder, folders)
    if found is not None:
        entries[_TABLES] = entry._replace(value=found.path)
    elif is_fusions(name) and (folders is None or folders.hold(os.path.abspath(folder / name))):
        entries[_TABLES] = entry._replace(value="")
    return found


def _note_on_tables(given: Entry, found: TableFile | None, config: Config) -> list[Problem]:
    """Return what is to be known of the file of modulation tables: which it is, and whether it is another."""
    general = config.general_settings
    if found is None:
        if general.mod_assumption_path or not is_fusions(str(given.value)):
            return []
        text = "no such file beside the INI file, in the working folder or in a folder above; "
        text += f"the shipped table {general.mod_assumption} is used"
    else:
        compared = compared_with_shipped(general.mod_assumption, found.path)
        if not found.place and "differs" not in compared:
            return []
        where = f"{show(found.path, 400)}, {found.place}" if found.place else "beside the INI file"
        text = "; ".join(part for part in (f"taken from {where}", compared) if part)
    return [Problem(*_TABLES, show(str(given.value).strip()), text, given.source)]


def _judge(others: Entries, ignored: list[Problem]) -> list[Problem]:
    """Add FUSION's keys that change nothing to `ignored`; return those that ask for more."""
    problems: list[Problem] = []
    for (section, key), entry in others.items():
        foreign = foreign_keys.find(section, key)
        assert foreign is not None
        refused = foreign_keys.refused(foreign, entry.value)
        message = foreign.refusal if refused else foreign.reason
        problem = Problem(section, key, brief(entry.value), message, entry.source)
        (problems if refused else ignored).append(problem)
    return problems


def _as_in_fusion(ours: Entries, others: Entries) -> None:
    """Read with FUSION's conventions what is ignored without them, and take its number of cores."""
    home = "compatibility_settings"
    mode = ours.get((home, "conventions"))
    if mode is None or not _is_fusion(mode):
        return
    for section, key in foreign_keys.OF_CONVENTIONS:
        if entry := others.pop((section, key), None):
            ours.setdefault((home, key), entry)
    ours.setdefault(("topology_settings", "cores_per_link"), Entry(3, mode.source))
    method, given = (ours.get(place) for place in (_METHOD, _K_PATHS))
    if method is not None and method.value == "shortest_path":  # whose k_paths becomes 1 here
        if given is not None and foreign_keys.plain(given.value) != "1":
            ours.setdefault((home, "k_paths_in_file"), given)
    elif given is None:  # FUSION then has 3 paths, and takes each for the last
        ours.setdefault((home, "k_paths_in_file"), Entry(1, mode.source))


def _follows_fusion(*layers: Entries) -> bool:
    """Return whether FUSION's conventions are asked for, in the last layer that says something of them."""
    found = [layer.get(("compatibility_settings", "conventions")) for layer in layers]
    last = next((entry for entry in reversed(found) if entry is not None), None)
    return last is not None and _is_fusion(last)


def _is_fusion(mode: Entry) -> bool:
    return foreign_keys.plain(mode.value) in ("fusion", "fusion_orchestrator")


def _other_names(others: Entries, ours: Entries) -> None:
    """Turn FUSION's further keys for protection into ours, where they switch something on."""
    for other, key, value in (
        ("protection_enabled", "protection_mode", "1plus1"),
        ("node_disjoint_protection", "disjointness_type", "node"),
    ):
        entry = others.get(("protection_settings", other))
        if entry is not None and foreign_keys.plain(entry.value) in ("true", "yes", "on", "1"):
            del others["protection_settings", other]
            ours.setdefault(("protection_settings", key), Entry(value, entry.source))


def _implied(ours: Entries, ignored: list[Problem]) -> None:
    """Set k_paths to 1 with route_method = shortest_path, as FUSION does; and what others imply."""
    method = ours.get(_METHOD)
    if method is not None and method.value == "1plus1_protection":
        protection = Entry("1plus1", method.source)
        ours.setdefault(("protection_settings", "protection_mode"), protection)
    if method is not None and method.value == "least_congested":
        ours.setdefault(("routing_settings", "path_order"), Entry("hops", method.source))
    if method is None or method.value != "shortest_path":
        return
    given = ours.get(_K_PATHS)
    if given is not None and foreign_keys.plain(given.value) != "1":
        reason = "route_method = shortest_path has one path"
        ignored.append(Problem(*_K_PATHS, brief(given.value), reason, given.source))
    ours[_K_PATHS] = Entry(1, method.source)


def _summary(title: str, ignored: Sequence[Problem]) -> list[str]:
    """Return lines for the log: the keys that were left out, by reason; none where there are none."""
    lines = [f"{title} ({len(ignored)}):"] if ignored else []
    for reason, group in groupby(sorted(ignored, key=lambda p: p.message), lambda p: p.message):
        keys: dict[str, list[str]] = {}
        for problem in group:
            keys.setdefault(problem.section, []).append(problem.key)
        names = "; ".join(
            f"[{section}] {', '.join(names)}".strip() for section, names in keys.items()
        )
        lines.append(f"  {reason}: {names}")
    return lines


# --- checking ------------------------------------------------------------------------------------


def _validate(
    ours: Entries, known: dict[object, tuple[Section, dict[str, str]]]
) -> tuple[dict[str, Section], dict[str, Any], list[Problem]]:
    """Return the sections, the values that are right by themselves, and the problems of others.

    known: sections by what they were made from, with what is wrong in them; new ones are added.
    """
    raw: dict[str, dict[str, object]] = {name: {} for name in SECTIONS}
    for (name, key), entry in ours.items():
        raw[name][key] = entry.value
    sections: dict[str, Section] = {}
    values: dict[str, Any] = {}
    problems: list[Problem] = []
    for name, keys in raw.items():
        made_from = _identity(name, keys)
        if made_from not in known:
            known[made_from] = _section(name, keys)
        sections[name], wrong = known[made_from]
        problems += [_problem(key, None, message, ours) for key, message in wrong.items()]
        values |= vars(sections[name])
        for key in wrong:
            del values[key]
    return sections, values, problems


def _identity(name: str, keys: Mapping[str, object]) -> object:
    """Return something that is equal for equal values of equal types only."""
    found = (name, *((key, type(value), value) for key, value in keys.items()))
    try:
        hash(found)
        return found
    except TypeError:
        try:
            return repr(found)
        except RecursionError:
            return object()


def _section(name: str, raw: dict[str, object]) -> tuple[Section, dict[str, str]]:
    """Return a section without the keys that are wrong, and what is wrong with each of those."""
    model = SECTIONS[name]
    wrong: dict[str, str] = {}
    try:
        return model.model_validate(raw), wrong
    except ValidationError as error:
        schema = model.model_json_schema()["properties"]
        for item in error.errors(include_url=False, include_input=False):
            key = str(item["loc"][0])
            told = item["type"] == TOLD
            wrong.setdefault(key, item["msg"] if told else _allowed(key, raw[key], schema[key]))
    right = {key: value for key, value in raw.items() if key not in wrong}
    return model.model_validate(right), wrong


def _allowed(key: str, value: object, schema: dict[str, Any]) -> str:
    """Return what a key takes, from its JSON schema, and the value that was nearly given."""
    text = f"must be {words(schema)}"
    if "enum" not in schema or not isinstance(value, str):
        return text
    return text + nearest(value, schema["enum"])


def _take_outside(values: dict[str, Any], folders: InputFolders, ours: Entries) -> list[Problem]:
    """Take files outside the folders from the values; return a problem for each."""
    problems = []
    for key in named_files.KEYS:
        path = named_files.file_of(key, values.get(key, ""))
        if os.path.isabs(path) and not folders.hold(path):
            problems.append(_problem(key, values.pop(key), folders.refusal(), ours))
    return problems


def _not_found(
    values: Mapping[str, Any],
    ours: Entries,
    *,
    searched: bool,
    template: Path,
    folders: InputFolders | None,
) -> list[Problem]:
    """Return a problem for each file and shipped name that is not there.

    template: the INI file. folders: those that may be read, of which files are offered. searched: whether the
    file of modulation tables was looked for at several places. What a file holds is checked when it is read,
    with the topology and the rest (`inputs`).
    """
    problems = []
    for key in named_files.KEYS:
        path = named_files.file_of(key, values.get(key, ""))
        if os.path.isabs(path) and not os.path.isfile(path):
            text = named_files.why_no_file(path)
            if key == "mod_assumption_path" and searched and not os.path.exists(path):
                text += ", nor one in the working folder or above the INI file"
            text += named_files.near_file(path, folders)
            problems.append(_problem(key, values[key], text, ours))
    network = values.get("network", "")
    if network and not os.path.isabs(network):
        names = [*topology_names(), *FUSION_NETWORKS]
        if network not in names and network not in OTHER_NAMES:
            message = f"there is no such topology; there are {', '.join(names)}, and your own "
            message += "files (a path, such as ./my_network.graphml)"
            entry = ours.get(("topology_settings", "network"))
            is_of_template = entry is not None and entry.source.startswith(str(template))
            beside = os.path.join(
                os.path.abspath(template.parent if is_of_template else ""), network
            )
            near = named_files.near_file(beside, folders, before="./")
            # A file of just this name is meant rather than a shipped network of one like it.
            shipped = "" if os.path.isfile(beside) else nearest(network, names)
            message += shipped or near
            problems.append(_problem("network", network, message, ours))
    table = values.get("mod_assumption", "")
    if table and values.get("mod_assumption_path") == "":
        names = modulation_names()
        if table not in names:
            message = f"there is no such table; there are {', '.join(names)}, or name the file "
            message += f"that has it in mod_assumption_path{nearest(table, names)}"
            problems.append(_problem("mod_assumption", table, message, ours))
    return problems
