"""Names of policies in words, such as KSP-FF, FF-KSP and MSCL: what they are, and which keys set them."""

import re
from typing import NamedTuple

from fusion.config.sections import FIT_LABELS, HOME, ROUTE_LABELS, policy_name
from fusion_flows.report.terms import GLOSSARY, Term, without_links

_ALMEIDA = "R. C. Almeida Jr. et al., Electronics Letters 49(5), 2013"
_WANG = "R. Wang, B. Mukherjee, Optical Switching and Networking 11A, 2014"
_YIN = "Y. Yin et al., J. Opt. Commun. Netw. 5(10), 2013"
_DOHERTY = "M. Doherty, A. Beghelli, J. Opt. Commun. Netw. 17, 2025, D1"
_ZANG = "H. Zang, J. P. Jue, B. Mukherjee, Optical Networks Magazine 1(1), 2000, 47-60"
_ASSIGNMENT = "policies.md in the documentation, Built-in spectrum assignment"
_GLOSSARY = "glossary.md in the documentation"
_BACKGROUND = "background.md in the documentation"
_PHYSICS = "physics.md in the documentation"


_LINK = re.compile(r"\[([^\]]+)\]\([^)]+\)")


class Policy(NamedTuple):
    """A policy, or a part of one, by its name in the literature."""

    name: str
    meaning: str
    keys: dict[str, str]
    """section.key -> the value that sets it."""
    source: str
    """Where it is defined or introduced; empty where that is not known."""
    page: str
    """Of the documentation."""


class _Fit(NamedTuple):
    name: str
    slots: str
    """Which slots it takes, after "take"."""
    source: str = ""
    page: str = _BACKGROUND


_FITS = {
    "first_fit": _Fit("First fit", "the lowest free start slot", _ZANG, _GLOSSARY),
    "last_fit": _Fit("Last fit", "the highest free start slot"),
    "best_fit": _Fit("Best fit", "the smallest gap that is wide enough"),
    "random_fit": _Fit("Random fit", "any free start slot, at random", _ZANG),
    "most_used": _Fit("Most used", "the slots that are in use on the most links", _ZANG),
    "least_used": _Fit("Least used", "the slots that are in use on the fewest links", _ZANG),
    "exact_fit": _Fit("Exact fit", "the lowest gap that they fill exactly, else the lowest start"),
    "mscl": _Fit(
        "Minimum slot-capacity loss",
        "the start after which the path and the routes that share a link with it lose the fewest placements "
        "of further requests",
        _ALMEIDA,
        _ASSIGNMENT,
    ),
    "first_last_fit": _Fit(
        "First-last fit",
        "the lowest start for low bit rates and the highest for high ones",
        _WANG,
        _ASSIGNMENT,
    ),
    "dedicated_partition": _Fit(
        "Dedicated partition",
        "the lowest start in the slots that the class of the bit rate has for itself",
        _WANG,
        _ASSIGNMENT,
    ),
    "min_cuts": _Fit(
        "Fewest cuts",
        "the start that adds the fewest free blocks on the links of the path",
        _YIN,
        _ASSIGNMENT,
    ),
    "min_misalignment": _Fit(
        "Least misalignment",
        "of the starts with the fewest cuts, the one whose slots are in use on neighbouring links",
        _YIN,
        _ASSIGNMENT,
    ),
    "min_entropy": _Fit(
        "Least entropy",
        "the start that adds the least entropy of the free blocks on the links of the path",
        "P. Wright, M. C. Parker, A. Lord, J. Opt. Commun. Netw. 7(1), 2015",
        _ASSIGNMENT,
    ),
    "priority_first": _Fit(
        "Priority first",
        "the lowest free start slot, of cores in an order that keeps neighbours apart",
        page=_PHYSICS,
    ),
    "priority_last": _Fit(
        "Priority last",
        "the highest free start slot, of cores in an order that keeps neighbours apart",
        page=_PHYSICS,
    ),
    "xt_aware": _Fit(
        "Least crosstalk",
        "a block in the core in which the fewest lightpaths of adjacent cores use the same slots",
        page=_PHYSICS,
    ),
}

_ROUTES = {
    "k_shortest_path": "the k_paths shortest paths",
    "shortest_path": "the shortest path alone",
    "cong_aware": "the k_paths shortest paths, ordered for each request by congestion and km",
    "least_congested": "the k_paths shortest paths, ordered for each request by the free slots of the "
    "fullest link",
    "frag_aware": "the k_paths shortest paths, ordered for each request by fragmentation",
    "nli_aware": "the k_paths shortest paths, ordered for each request by km and nonlinear interference",
    "xt_aware": "the k_paths shortest paths, ordered for each request by km and light in adjacent cores",
    "external_ksp": "the paths of paths_file",
    "1plus1_protection": "the k_paths shortest paths, with a dedicated backup",
}


def explained(name: str) -> Policy | Term | None:
    """Return a policy, a part of one, or a term of the glossary by its name; None for anything else.

    name: as in the literature (KSP-FF, MSCL), as in a run's table (kspff), or the value of a key (first_fit).
    """
    text = "-".join(name.lower().replace("_", " ").replace("-", " ").split())
    for fit, words in _FITS.items():
        if text in (FIT_LABELS[fit], fit.replace("_", "-"), words.name.lower().replace(" ", "-")):
            return _of_fit(fit)
    for route, label in ROUTE_LABELS.items():
        for fit, fit_label in FIT_LABELS.items():
            if text in (f"{label}-{fit_label}", f"{label}{fit_label}"):
                return _of_both(route, fit, "in_order")
            if text in (f"{fit_label}-{label}", f"{fit_label}{label}"):
                return _of_both(route, fit, "all")
    for route, label in ROUTE_LABELS.items():
        if text in (label, route.replace("_", "-")):
            keys = {"general_settings.route_method": route}
            return Policy(
                label.upper(), f"Candidates are {_ROUTES[route]}.", keys, "", "background.md"
            )
    return next(
        (
            term._replace(text=without_links(term.text), source=_LINK.sub(r"\1", term.source))
            for term in GLOSSARY
            if text in (_as_typed(each) for each in (term.name, *term.also))
        ),
        None,
    )


def names() -> list[str]:
    """Return names that `explained` knows, for hints about one that it does not."""
    parts = [label.upper() for label in (*FIT_LABELS.values(), *ROUTE_LABELS.values())]
    return ["KSP-FF", "FF-KSP", *parts, *(term.name for term in GLOSSARY)]


def _as_typed(name: str) -> str:
    return "-".join(name.lower().replace("-", " ").split())


def _of_fit(fit: str) -> Policy:
    words = _FITS[fit]
    keys = {"general_settings.allocation_method": fit}
    meaning = f"{words.name}: of the free slots, take {words.slots}."
    return Policy(FIT_LABELS[fit].upper(), meaning, keys, words.source, words.page)


def _of_both(route: str, fit: str, choice: str) -> Policy:
    words = _FITS[fit]
    of = f"Candidates are {_ROUTES[route]}."
    if choice == "in_order":
        meaning = f"{of} Try them in order, and on the first one with enough free slots take {words.slots}."
    else:
        meaning = f"{of} Compare all of them, and of all their free slots take {words.slots}."
    keys = {
        "general_settings.route_method": route,
        "routing_settings.path_choice": choice,
        "general_settings.allocation_method": fit,
    }
    assert all(HOME[key.partition(".")[2]] == key.partition(".")[0] for key in keys)
    is_usual = (route, fit) == ("k_shortest_path", "first_fit")
    return Policy(
        policy_name(ROUTE_LABELS[route], FIT_LABELS[fit], choice),
        meaning,
        keys,
        _DOHERTY if is_usual else words.source,
        _GLOSSARY if is_usual else words.page,
    )
