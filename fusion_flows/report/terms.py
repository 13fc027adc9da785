"""The terms that a report uses, explained in a sentence or three each; docs/glossary.md is made from them."""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from fusion_flows.report.page import Picture, Section, Table, Terms, Text


class Term(NamedTuple):
    """A technical term.

    text: one to three sentences; links lead to pages in docs/.  source: where it is defined or introduced.
    also: synonyms and abbreviations.  forms: further words by which reports refer to it.
    """

    name: str
    text: str
    source: str
    also: tuple[str, ...] = ()
    forms: tuple[str, ...] = ()


_JINNO = (
    "M. Jinno et al., IEEE Commun. Mag. 47(11), 2009, "
    "[doi:10.1109/MCOM.2009.5307468](https://doi.org/10.1109/MCOM.2009.5307468)"
)
_CHRISTODOULOPOULOS = (
    "K. Christodoulopoulos, I. Tomkos, E. A. Varvarigos, J. Lightw. Technol. 29(9), 2011, "
    "[doi:10.1109/JLT.2011.2125777](https://doi.org/10.1109/JLT.2011.2125777)"
)
_CHATTERJEE = (
    "B. C. Chatterjee, N. Sarma, E. Oki, IEEE Commun. Surveys Tuts. 17(3), 2015, "
    "[doi:10.1109/COMST.2015.2431731](https://doi.org/10.1109/COMST.2015.2431731)"
)
_ZANG = "H. Zang, J. P. Jue, B. Mukherjee, Optical Networks Magazine 1(1), 2000, 47-60"
_YEN = (
    "J. Y. Yen, Management Science 17(11), 1971, "
    "[doi:10.1287/mnsc.17.11.712](https://doi.org/10.1287/mnsc.17.11.712)"
)
_GRID = "[ITU-T G.694.1](https://www.itu.int/rec/T-REC-G.694.1)"
_TRAFFIC = "[ITU-T E.600](https://www.itu.int/rec/T-REC-E.600)"
_LAW = "A. M. Law, *Simulation Modeling and Analysis*, 5th ed., McGraw-Hill, 2015"
_SIMMONS = "J. M. Simmons, *Optical Network Design and Planning*, 2nd ed., Springer, 2014"
_DOHERTY = "M. Doherty, A. Beghelli, J. Opt. Commun. Netw. 17, 2025, D1"

GLOSSARY: tuple[Term, ...] = (
    Term(
        "Availability",
        "The share of time in which a link is up, or in which an admitted connection is carried. Its "
        "complement is the unavailability, to which a relative precision refers.",
        _TRAFFIC.replace("E.600", "E.800"),
    ),
    Term(
        "Bandwidth blocking probability",
        "Blocked bit rate over offered bit rate, so a blocked request of 400 Gb/s counts four times as much "
        "as one of 100 Gb/s. In tables it is the column `by bit rate`, in files "
        "`bit_rate_blocking_probability`.",
        _CHATTERJEE,
        also=("bit-rate blocking probability",),
        forms=("by bit rate",),
    ),
    Term(
        "Blocking probability",
        "The share of requests that are refused because no candidate path can carry them: blocked requests "
        "over offered requests, after the warm-up. It is the main measure of how much traffic a network and "
        "a policy can carry.",
        _TRAFFIC,
        forms=("blocking",),
    ),
    Term(
        "Common random numbers",
        "Two policies are simulated with the same requests: the same arrivals, node pairs, bit rates and "
        "holding times. Their difference is then estimated from pairs of replications, which takes several "
        "times fewer replications than comparing independent runs.",
        f"{_LAW}, ch. 11",
        forms=("paired",),
    ),
    Term(
        "Confidence interval",
        "A range computed from the replications so that, over many repetitions, it contains the true value "
        "in the stated share of cases, 95 % by default. Here it is Student's t over replications, for "
        "probabilities on the logit scale. [What an interval means](statistics.md) has the measured "
        "coverage.",
        f"{_LAW}, ch. 4",
        forms=("interval", "intervals"),
    ),
    Term(
        "Content key",
        "A SHA-256 hash of everything that can change a result: settings that differ from their defaults, "
        "the content of input files, and a version of the simulator. Equal keys mean equal results, so a "
        "point in the store is never computed twice.",
        "[DESIGN.md](../DESIGN.md)",
    ),
    Term(
        "Continuity and contiguity",
        "A lightpath without conversion must use the same slots on every link of its path (continuity), and "
        "these slots must be adjacent (contiguity). Both constraints make free slots unusable, which is why "
        "requests are blocked in networks that are far from full.",
        _CHRISTODOULOPOULOS,
    ),
    Term(
        "Crosstalk",
        "Power that leaks into a lightpath from lightpaths in the same slots of adjacent cores of a "
        "multi-core fibre. It grows with length and with the number of adjacent cores that are lit; each "
        "modulation format tolerates a different amount. "
        "[Formulas](physics.md#crosstalk-between-cores-crosstalkpy)",
        "T. Hayashi et al., Opt. Express 19(17), 2011",
    ),
    Term(
        "Elastic optical network",
        "An optical network whose spectrum is divided into narrow slots instead of fixed channels, so that a "
        "lightpath takes as many adjacent slots as its bit rate and modulation format need.",
        _JINNO,
        also=("EON", "flexible grid", "flexi-grid"),
    ),
    Term(
        "Erlang",
        "The unit of offered load: the arrival rate times the mean holding time, which is the mean number of "
        "connections there would be if none were blocked. Loads here are those of the whole network, not of "
        "a node or a link. In tables it is abbreviated to E.",
        _TRAFFIC,
        forms=("load", "loads"),
    ),
    Term(
        "Erlang B",
        "The exact blocking probability of a single link with Poisson arrivals of one width: it depends on "
        "the load and the number of servers only. The simulator is checked against it.",
        "A. K. Erlang, 1917; [validation](validation.md)",
    ),
    Term(
        "FF-KSP",
        "First fit over all k shortest paths: of all candidate paths, take the one with the lowest free "
        "start slot (`path_choice = all`). The label is `ffksp`.",
        _DOHERTY,
        forms=("ffksp",),
    ),
    Term(
        "First fit",
        "Spectrum assignment that takes the lowest free start slot. It packs lightpaths at one end of the "
        "spectrum and keeps the rest in one piece.",
        _ZANG,
    ),
    Term(
        "Fragmentation",
        "Free spectrum that is split into gaps too small for new requests. The column `fragmentation` is "
        "1 - largest free block / free slots of a link.",
        _CHATTERJEE,
    ),
    Term(
        "Generalised signal-to-noise ratio",
        "The signal power of a lightpath over the sum of amplifier noise (ASE) and nonlinear interference "
        "(NLI), in the bandwidth of the lightpath. A modulation format works if its threshold is reached. It "
        "is a measure of what is called signal quality here, and quality of transmission (QoT) elsewhere.",
        "A. Ferrari et al., J. Opt. Commun. Netw. 12(6), 2020, C31",
        also=("GSNR",),
    ),
    Term(
        "Grooming",
        "Carrying a request on spare capacity of an existing lightpath between the same nodes instead of "
        "setting up a new lightpath.",
        "K. Zhu, B. Mukherjee, IEEE J. Sel. Areas Commun. 20(1), 2002, 122-133",
    ),
    Term(
        "Guard band",
        "Slots added to the width of a lightpath that carry nothing, so that filters can separate "
        "neighbouring lightpaths. The key is `guard_slots`; utilisation includes them.",
        _CHATTERJEE,
    ),
    Term(
        "k shortest paths",
        "The k best loop-free paths of a node pair, here by km, by hops, or by hops per bit per symbol "
        "(`path_order`). They are the candidate paths of a request, unless `candidate_order` chooses others.",
        _YEN,
        also=("KSP",),
    ),
    Term(
        "KSP-FF",
        "k shortest paths, first fit: try the candidate paths in order and take the lowest free slots on the "
        "first path that has enough of them (`path_choice = in_order`). The usual baseline in the "
        "literature; the label is `kspff`.",
        _DOHERTY,
        forms=("kspff",),
    ),
    Term(
        "Lightpath",
        "The optical channel that serves a request: a path with a core, a band, a block of slots and a "
        "modulation format.",
        "I. Chlamtac, A. Ganz, G. Karmi, IEEE Trans. Commun. 40(7), 1992, 1171-1182",
    ),
    Term(
        "Link-disjoint paths",
        "Paths that have no link in common. With `candidate_order = link_disjoint` the candidate paths of a "
        "node pair are the first by `path_order`, the first that shares no link with it, and so on.",
        "R. Bhandari, Survivable Networks: Algorithms for Diverse Routing, Kluwer, 1999",
        forms=("link-disjoint", "link_disjoint"),
    ),
    Term(
        "MSCL",
        "Min slot-capacity loss: spectrum assignment that takes the block after which the affected paths "
        "lose the fewest possible placements of future requests (allocation_method = mscl, see "
        "[policies](policies.md)).",
        "R. C. Almeida Jr. et al., Slot assignment strategy to reduce loss of capacity of contiguous-slot "
        "path requests in flexible grid optical networks, Electronics Letters, 2013",
    ),
    Term(
        "Point",
        "One configuration at one load: the smallest unit that has a result with an interval.",
        "[DESIGN.md](../DESIGN.md)",
    ),
    Term(
        "Policy",
        "The rule that selects path, modulation format, core, band and slots of a request.",
        "[Background](background.md#the-policies)",
    ),
    Term(
        "Protection and restoration",
        "Protection reserves a backup before a failure (1+1: with its own slots; shared backup path "
        "protection, SBPP: with slots that several backups may use). Restoration looks for a new path after "
        "the failure.",
        "S. Ramamurthy, L. Sahasrabuddhe, B. Mukherjee, J. Lightw. Technol. 21(4), 2003, 870-883",
    ),
    Term(
        "Replication",
        "One independent simulation at one load with its own random numbers, starting from an empty network. "
        "Intervals come from the variation between replications.",
        f"{_LAW}, ch. 9",
        forms=("replications",),
    ),
    Term(
        "Routing and spectrum assignment",
        "Choosing a path and a block of slots for each request, subject to continuity and contiguity (RSA). "
        "If the modulation format is chosen as well, from the length of the path or its signal quality, it "
        "is routing, modulation and spectrum assignment (RMSA).",
        _CHRISTODOULOPOULOS,
        also=("RSA", "RMSA"),
    ),
    Term(
        "Slicing",
        "Carrying a request on several lightpaths of a lower bit rate if no single lightpath is possible.",
        "[Coming from FUSION](coming_from_fusion.md)",
        also=("split spectrum",),
    ),
    Term(
        "Slot",
        "The smallest unit of spectrum that is assigned, 12.5 GHz unless `bw_per_slot` says otherwise.",
        _GRID,
        forms=("slots",),
    ),
    Term(
        "Stopping rule",
        "When a point has enough replications: after a fixed number (`fixed`), or once its interval is "
        "narrow enough (`precision`). A rule that stops at the first narrow interval would stop too early "
        "too often, so this one looks ahead.",
        "K. Hoad, S. Robinson, R. Davies, J. Oper. Res. Soc. 61, 2010, 1632",
        forms=("stop",),
    ),
    Term(
        "Tie between paths",
        "Several paths of a node pair with equal km or hops. Which of them is a candidate, and which is "
        "tried first, follows from a rule that publications rarely state (`path_ties`, `candidate_ties`). "
        "The rule changes the blocking probability.",
        "[Ties between paths](ties.md)",
        forms=("ties", "tie"),
    ),
    Term(
        "Transparent reach",
        "The distance over which a lightpath in a modulation format can be received without regeneration. "
        "Formats with more bits per symbol need fewer slots and have a shorter reach.",
        _SIMMONS,
        also=("optical reach",),
        forms=("reach",),
    ),
    Term(
        "Utilisation",
        "The share of slots in use on a link, guard bands included, averaged over time.",
        "[Files of a run](files.md#pointscsv)",
    ),
    Term(
        "Warm-up",
        "The requests at the start of a replication that fill the empty network and are not counted, by "
        "default 20 mean holding times. Counting them would make the blocking probability too low.",
        f"{_LAW}, ch. 9",
    ),
)
"""All terms, in alphabetical order."""


def terms_section(setting: Sequence[str], sections: Sequence[Section]) -> Section:
    """Return the section that explains the terms in the other sections of a report."""
    words = " ".join([*setting, *_texts(sections)]).lower()
    used = [term for term in GLOSSARY if any(_occurs(name, words) for name in _names(term))]
    return Section(
        "Terms",
        (
            Terms(tuple((term.name, without_links(term.text)) for term in used)),
            Text(
                "The glossary in the documentation, `docs/glossary.md`, has more terms, with sources."
            ),
        ),
    )


def _texts(sections: Sequence[Section]) -> Iterator[str]:
    for section in sections:
        yield section.title
        for part in section.parts:
            if isinstance(part, Table):
                yield from (part.caption, *part.columns)
            elif isinstance(part, Picture):
                yield part.caption
            elif isinstance(part, Text):
                yield part.text


def _names(term: Term) -> tuple[str, ...]:
    return (term.name, *term.also, *term.forms)


def without_links(text: str) -> str:
    """Return a text without its links, and without sentences that consist of one."""
    return re.sub(
        r"\[([^\]]+)\]\([^)]+\)", r"\1", re.sub(r" \[[^\]]+\]\([^)]+\)(?=$| [A-Z])", "", text)
    )


def _occurs(name: str, words: str) -> bool:
    return re.search(rf"(?<![\w-]){re.escape(name.lower())}(?![\w-])", words) is not None
