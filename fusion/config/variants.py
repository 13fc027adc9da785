"""Configurations with a template in common: what they share is read and checked once."""

import os.path
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from fusion.config.checked_sections import check_sections
from fusion.config.implied_keys import (
    follows_fusion,
    imply_as_fusion,
    imply_by_other_names,
    imply_by_route_method,
)
from fusion.config.ini import Entries, Entry, Layer, read_ini
from fusion.config.keys_as_fusion import (
    as_fusion_reads,
    general_wins,
    read_elsewhere,
    why_refused,
)
from fusion.config.known_keys import judge, sort_out
from fusion.config.missing_files import not_found, take_outside
from fusion.config.named_files import KEYS, input_folders
from fusion.config.overrides import OVERRIDES, override_entries
from fusion.config.problems import ConfigError, Problem, show
from fusion.config.reading import Reading
from fusion.config.section import Section
from fusion.config.sections import HOME, RANGES, Config, contradictions
from fusion.config.sources import keep_sources, layer_of, problem_of_entry
from fusion.config.table_files import TABLES, TableFile, find_tables, note_on_tables
from fusion.config.templates import find_template


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


class Origin(NamedTuple):
    """Where values are from that are not the template's, for messages. axes: by key; else `overrides`.

    template: where its name is from; empty: it was just typed.
    """

    overrides: str = OVERRIDES
    axes: Mapping[str, str] = MappingProxyType({})
    template: str = ""


_OF_OVERRIDES = Origin()


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
        origin: Origin = _OF_OVERRIDES,
    ) -> None:
        """Take the arguments of `load_config`. What is wrong with the template is a problem of each draft.

        origin: of the overrides and of the changes of each variant.
        """
        self._folders = folders = input_folders(input_dirs, templates_dir)
        self._refused: list[Problem] = []
        self._path = Path()
        self._entries: Entries = {}
        try:
            self._path = find_template(template, templates_dir, folders)
            self._entries, self._problems = read_ini(self._path)
        except ConfigError as error:
            problems = [
                each._replace(source=each.source or origin.template) for each in error.problems
            ]
            self._refused = self._problems = problems
        self._empty = not self._entries and not self._problems
        self._origin = origin
        self._from_overrides = override_entries(overrides, origin.overrides)
        self._blamed: dict[tuple[str, str], str] = {}
        self._templates: dict[bool, _Template] = {}
        self._sections: dict[object, tuple[Section, dict[str, str]]] = {}
        self._judged: tuple[Entries, list[Problem], list[Problem]] | None = None
        self._right_files: set[tuple[object, ...]] = set()
        self._sources: dict[str, str] = {}
        self._notes: dict[str, list[Problem]] = {}

    def draft(self, changes: Mapping[str, object] | None = None) -> Draft:
        """Return a variant, checked key by key. changes: key -> value, over those of the overrides."""
        from_overrides, more = self._with(changes or {})
        template = self._template(follows_fusion(self._entries, from_overrides))
        problems = [*self._problems, *more, *template.problems]
        ours, others = dict(template.ours), dict(template.others)
        ignored = list(template.ignored)
        problems += sort_out(from_overrides, Path(), self._folders, ours, others, ignored)
        imply_as_fusion(ours, others)
        imply_by_other_names(ours, others)
        if not self._refused:  # the template may ask for conventions that others go with
            problems += self._judge(others, ignored)
        imply_by_route_method(ours, ignored)
        sections, values, more = check_sections(ours, self._sections)
        problems += more
        tables = template.tables is not None and TABLES not in from_overrides
        return Draft(sections, values, problems, ignored, ours, template, tables)

    def config(self, draft: Draft) -> Config:
        """Return the configuration of a draft, checked as a whole. Raises ConfigError with all problems."""
        ours, values = draft.entries, dict(draft.values)
        problems = [*draft.problems, *self._file_problems(draft, values)]
        if not self._refused:  # what is wrong only beside a template that was not read may be right
            problems += [
                self._blame(key, message, draft, values) for key, message in contradictions(values)
            ]
        if problems:
            raise ConfigError(problems)
        config = Config.model_construct(None, **draft.sections)  # each is right, and so are all
        sources = {key: entry.source for (_, key), entry in ours.items()}
        if sources != self._sources:
            self._sources = sources
        keep_sources(config, self._sources)  # one for all that are alike
        return config

    def _blame(self, key: str, message: str, draft: Draft, values: Mapping[str, Any]) -> Problem:
        """Return the problem of values that are not right together, of the one that was set last.

        That is the one to mend: the others are right without it. key, message: as of `contradictions`.
        """
        ours = draft.entries
        if key in RANGES:
            last = max(RANGES[key], key=lambda each: layer_of(each, ours))
            return problem_of_entry(last, values[last], message, ours)
        known = key, message
        if known not in self._blamed:
            self._blamed[known] = next(self._causes(key, message, draft, values), key)
        cause = self._blamed[known]
        if cause == key or layer_of(cause, ours) <= layer_of(key, ours):
            return problem_of_entry(key, values[key], message, ours)
        wrong = problem_of_entry(key, values[key], message, ours)
        given = "" if wrong.value == "" else f" = {show(wrong.value)} ({wrong.source})"
        told = f"{key}{given} {wrong.message}"
        return problem_of_entry(cause, values[cause], told, ours)

    def _causes(
        self, key: str, message: str, draft: Draft, values: Mapping[str, Any]
    ) -> Iterator[str]:
        """Yield the keys set after `key` without whose value nothing would be wrong with it, the last first.

        Of those set in one place, the ones that the message names come first.
        """
        ours = draft.entries
        of_key = [each for each, _ in contradictions(values)].count(key)
        later = [each for _, each in ours if layer_of(each, ours) > layer_of(key, ours)]
        named = re.findall(r"\w+", message)
        for other in sorted(later, key=lambda each: (-layer_of(each, ours), each not in named)):
            place = HOME[other], other
            before = dict(ours)
            del before[place]
            if (earlier := self._before(place, ours[place].layer, draft)) is not None:
                before[place] = earlier
            _, without, _ = check_sections(before, self._sections)
            if [each for each, _ in contradictions(without)].count(key) < of_key:
                yield other

    def _before(self, place: tuple[str, str], layer: Layer, draft: Draft) -> Entry | None:
        """Return what a key would have if it had not been set in a layer; None: the default."""
        overrides = self._from_overrides[0]
        if layer is Layer.AXIS and place in overrides:
            return overrides[place]
        return draft.template.ours.get(place) if layer > Layer.TEMPLATE else None

    def reading(self, draft: Draft, config: Config) -> Reading:
        """Return what is to be known of how the configuration of a draft was read."""
        template = draft.template
        dropped, noted = list(template.dropped), list(template.noted)
        if draft.tables and template.tables is not None:
            table = config.general_settings.mod_assumption
            if table not in self._notes:
                self._notes[table] = note_on_tables(template.tables, template.found, config)
            (noted if template.found else dropped).extend(self._notes[table])
        return Reading(config, list(draft.ignored), dropped, [str(each) for each in noted])

    def _file_problems(self, draft: Draft, values: dict[str, Any]) -> list[Problem]:
        """Return a problem for each file that is not there or may not be read; the latter leave `values`."""
        files = tuple(values.get(key) for key in (*KEYS, "mod_assumption"))
        if files in self._right_files:
            return []
        problems = []
        if self._folders is not None:
            problems += take_outside(values, self._folders, draft.entries)
        given = draft.template.tables
        searched = draft.tables and not os.path.isabs(str(given and given.value).strip())
        missing = not_found(
            values, draft.entries, searched=searched, template=self._path, folders=self._folders
        )
        problems += [each for each in missing if not self._refused or each.key in KEYS]
        if not problems:
            self._right_files.add(files)
        return problems

    def _template(self, as_fusion: bool) -> _Template:
        """Return the template, read as FUSION reads it or as we do."""
        if as_fusion not in self._templates:
            noted: list[Problem] = []
            if as_fusion:
                entries, dropped = as_fusion_reads(self._entries)
            else:
                own = {place: each for place, each in self._entries.items() if not each.inherited}
                noted = read_elsewhere(own)
                entries, dropped = general_wins(own)
            if self._empty:
                text = "the file has no key: all settings are the defaults"
                noted.append(Problem("", "", None, text, str(self._path)))
            folder = self._path.parent
            tables = entries.get(TABLES)
            found = find_tables(entries, folder, self._folders)
            ours: Entries = {}
            others: Entries = {}
            ignored: list[Problem] = []
            problems = sort_out(entries, folder, self._folders, ours, others, ignored)
            if problems and as_fusion:
                problems += why_refused(self._entries, str(self._path))
            self._templates[as_fusion] = _Template(
                ours, others, problems, ignored, dropped, noted, tables, found
            )
        return self._templates[as_fusion]

    def _with(self, changes: Mapping[str, object]) -> tuple[Entries, list[Problem]]:
        """Return the overrides with changes, and what is wrong with them."""
        entries, problems = self._from_overrides
        overrides, axes, _ = self._origin
        new = {
            (HOME[key], key): Entry(value, axes.get(key, overrides), layer=Layer.AXIS)
            for key, value in changes.items()
        }
        return entries | new, problems

    def _judge(self, others: Entries, ignored: list[Problem]) -> list[Problem]:
        if self._judged is None or self._judged[0] != others:
            harmless: list[Problem] = []
            self._judged = others, judge(others, harmless), harmless
        _, problems, harmless = self._judged
        ignored += harmless
        return problems
