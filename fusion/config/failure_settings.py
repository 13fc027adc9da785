"""The section of failures: what fails and when, once or several times in a replication, or at random."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationError

from fusion.config.problems import nearest, show, words
from fusion.config.section import Section
from fusion.config.values import (
    TOLD,
    Dictionaries,
    Integer,
    Links,
    NodeName,
    Number,
    Point,
    Word,
    dictionaries,
    named_links,
)

FAILURE_KEYS: dict[str, tuple[str, ...]] = {
    "none": (),
    "link": ("failed_link_src", "failed_link_dst", "failed_link_name"),
    "node": ("failed_node_id",),
    "srlg": ("srlg_links",),
    "geo": ("geo_center_node", "geo_center_point", "geo_hop_radius", "geo_radius_km"),
    "random": ("mtbf", "mtbf_of", "mttr"),
}
"""Keys that say what fails, by failure_type."""
_OPTIONAL = ("geo_center_point", "failed_link_name")
SCHEDULED = ("link", "node", "srlg", "geo")
"""Kinds of failure that happen once, at a request or a time."""
FURTHER_KEYS = (
    "failure_type",
    *("t_fail_arrival_index", "t_repair_after_arrivals", "t_fail_time", "t_repair_after_time"),
    *(key for kind in SCHEDULED for key in FAILURE_KEYS[kind]),
)
"""Keys that a dictionary in further_failures may have."""


class FailureSettings(Section):
    """A failure of links in the middle of each replication, or failures at random times."""

    failure_type: Annotated[
        Literal["none", "link", "node", "srlg", "geo", "random"],
        Word,
        BeforeValidator(lambda kind: "none" if str(kind).lower() == "none" else kind),
    ] = Field(
        default="none",
        description="What fails: link: one link; node: all links of a node; srlg: a group of links that "
        "share a risk; geo: a region (all links of the nodes near a centre, or all links that pass near a "
        "point); random: each link, independently and repeatedly, at random times from the start.",
    )
    t_fail_arrival_index: Annotated[int, Field(ge=-1, le=10**12), Integer] = Field(
        default=-1,
        description="Number of the measured request, from 0, before whose arrival the links fail; -1: "
        "half of num_requests.",
    )
    t_repair_after_arrivals: Annotated[int, Field(ge=0, le=10**12), Integer] = Field(
        default=1000,
        description="Number of requests from the failure to its repair; 0: never repaired.",
    )
    t_fail_time: Annotated[float, Field(ge=-1, le=10**15), Number] = Field(
        default=-1,
        description="Time from the end of the warm-up to the failure, in the unit of holding_time; -1: "
        "t_fail_arrival_index and t_repair_after_arrivals are used instead.",
    )
    t_repair_after_time: Annotated[float, Field(ge=0, le=10**15), Number] = Field(
        default=0,
        description="Time from the failure to its repair, in the unit of holding_time; 0: never "
        "repaired (t_fail_time).",
    )
    failed_link_src: NodeName = Field(default="", description="One end node of the link (link).")
    failed_link_dst: NodeName = Field(
        default="",
        description="The other end node of the link (link).",
    )
    failed_link_name: NodeName = Field(
        default="",
        description="The name of the link, where its two nodes have several (link).",
    )
    failed_node_id: NodeName = Field(default="", description="The node whose links fail (node).")
    srlg_links: Links = Field(
        default="",
        description="Links that fail together, such as [(1, 2), (2, 3)] (srlg); of parallel links with the "
        "name, such as [(1, 2, north)].",
    )
    geo_center_node: NodeName = Field(default="", description="Centre of the region (geo).")
    geo_center_point: Point = Field(
        default="",
        description="Centre of the region instead of a node: longitude, latitude in degrees (geo "
        "with geo_radius_km).",
    )
    geo_hop_radius: Annotated[int, Field(ge=0, le=1000), Integer] = Field(
        default=2,
        description="Maximum hops from the centre to a node of the region (geo).",
    )
    geo_radius_km: Annotated[float, Field(ge=0, le=20_000), Number] = Field(
        default=0,
        description="Links that come within this many km of the centre, taken as straight lines on the "
        "map, fail (geo); the topology needs coordinates. 0: use geo_hop_radius.",
    )
    mtbf: Annotated[float, Field(ge=0, le=10**15), Number] = Field(
        default=0,
        description="Mean time from the repair of a link to its next failure, in the unit of "
        "holding_time (random).",
    )
    mtbf_of: Annotated[Literal["link", "km"], Word] = Field(
        default="km",
        description="link: mtbf applies to each link; km: to each km of fibre, so that a link of L km has "
        "mtbf / L (random).",
    )
    mttr: Annotated[float, Field(ge=0, le=10**15), Number] = Field(
        default=0,
        description="Mean time from the failure of a link to its repair, in the unit of holding_time "
        "(random).",
    )
    restoration: Annotated[
        Literal["none", "reroute", "wait"],
        Word,
        BeforeValidator(lambda kind: "none" if str(kind).lower() == "none" else kind),
    ] = Field(
        default="none",
        description="What happens to connections on failed links: none: they are lost; reroute: they are "
        "rerouted at once, those with the most remaining time first, and lost if there is no room; wait: "
        "they keep their slots and wait for the repair, their transmitters still lit.",
    )

    further_failures: Dictionaries = Field(
        default="",
        description="Failures in addition to the one described by the other keys: a list of dictionaries "
        'with keys of this section that say what fails and when, such as [{"failure_type": "node", '
        '"failed_node_id": 3, "t_fail_time": 12}]. A key that is not named has its default; failure_type, '
        "if not named, is that of the section.",
    )

    @property
    def each(self) -> tuple["FailureSettings", ...]:
        """The failure and the further ones, each as if it were the only one."""
        return self, *(
            FailureSettings.model_validate({"failure_type": self.failure_type, **one})
            for one in dictionaries(self.further_failures)
        )

    @property
    def centre(self) -> tuple[float, float]:
        """Longitude and latitude in geo_center_point, which is given."""
        longitude, latitude = map(float, self.geo_center_point.split(","))
        return longitude, latitude

    @property
    def srlg(self) -> tuple[tuple[str, str, str], ...]:
        """The links in srlg_links: two nodes, and the name of their link or nothing."""
        return named_links(self.srlg_links)


def contradictions_of_failures(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield (key, message) as `sections.contradictions` does, for a failure_type that is not none."""
    yield from _contradictions_of_one(values)
    kind, further = values["failure_type"], dictionaries(values.get("further_failures", ""))
    if further and kind == "random":
        yield "further_failures", "must be empty with failure_type = random"
        return
    for number, one in enumerate(further, start=1):
        for key, message in _wrong_in_a_further_one(one, values):
            value = f" = {show(one[key], 40)}" if key in one else ""
            yield "further_failures", f"number {number}: {key}{value}: {message}"


def _wrong_in_a_further_one(
    one: Mapping[str, Any], values: Mapping[str, Any]
) -> Iterator[tuple[str, str]]:
    """Yield (key, message) for what is wrong in a dictionary of further_failures."""
    unknown = [key for key in one if key not in FURTHER_KEYS]
    for key in unknown:
        yield key, f"is not a key of a further failure{nearest(key, FURTHER_KEYS)}"
    kind = one.get("failure_type", values["failure_type"])
    if kind not in SCHEDULED:
        yield "failure_type", f"must be one of {', '.join(SCHEDULED)}"
    if unknown or kind not in SCHEDULED:
        return
    try:
        alone = FailureSettings.model_validate({"failure_type": kind, **one})
    except ValidationError as error:
        schema = FailureSettings.model_json_schema()["properties"]
        for item in error.errors(include_url=False, include_input=False):
            key = str(item["loc"][0])
            yield key, item["msg"] if item["type"] == TOLD else f"must be {words(schema[key])}"
        return
    yield from _contradictions_of_one({**values, **alone.model_dump()})


def _contradictions_of_one(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    kind = values["failure_type"]
    by_km = values.get("geo_radius_km", 0) > 0
    point = values.get("geo_center_point", "") != ""
    for key in FAILURE_KEYS[kind]:
        if values.get(key) == "" and key not in _OPTIONAL and not (kind == "geo" and point):
            yield key, f"must be given with failure_type = {kind}"
    if kind == "geo" and point and not by_km:
        yield "geo_center_point", "needs geo_radius_km above 0; geo_hop_radius counts from a node"
    if kind == "geo" and point and values.get("geo_center_node"):
        yield "geo_center_point", "must be empty where geo_center_node is given"
    if kind == "random":
        for key in ("mtbf", "mttr"):
            if values.get(key) == 0:
                yield key, "must be above 0 with failure_type = random"
        return
    if values.get("t_fail_time", -1) >= 0:
        yield from _contradictions_of_its_time(values)
        return
    if values.get("t_fail_time", -1) != -1:
        yield "t_fail_time", "must be 0 or more, or -1"
    keys = ("t_fail_arrival_index", "t_repair_after_arrivals", "num_requests")
    if all(key in values for key in keys):
        fails, repair, requests = (values[key] for key in keys)
        at = requests // 2 if fails == -1 else fails
        if at >= requests:
            yield keys[0], f"must be less than num_requests = {requests}"
        elif at + repair > requests:
            message = f"must be at most {requests - at}: the failure is before request {at} of "
            yield keys[1], message + f"num_requests = {requests}; 0 is never repaired"


def _contradictions_of_its_time(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with the time of a failure: it must be before the mean end of a replication."""
    keys = ("num_requests", "holding_time", "erlang_stop")
    if not all(key in values for key in keys):
        return
    requests, holding_time, load = (values[key] for key in keys)
    end = requests * holding_time / load
    told = f"must be less than {end:g}, when num_requests have come at {load:g} Erlang, on average"
    fails = values["t_fail_time"]
    if fails >= end:
        yield "t_fail_time", told
    elif fails + values.get("t_repair_after_time", 0) >= end:
        yield "t_repair_after_time", f"and t_fail_time {told}; 0 is never repaired"
