"""What a person sees of a run in Prefect: a progress, a table and a report, one of each per run."""

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any
from urllib.parse import urljoin
from uuid import UUID

import httpx
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import ArtifactCreate, ArtifactUpdate
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterFlowRunId,
    ArtifactFilterKey,
)
from prefect.settings import PREFECT_API_URL

from fusion.config.counts import counted
from fusion.results.durations import clock
from fusion.results.interval_text import with_interval
from fusion.results.json_text import finite
from fusion.results.progress import ProgressState
from fusion.results.statistics import Estimate
from fusion_flows.following.result_lines import so_far
from fusion_flows.report.tables import INTERRUPTED, point_texts
from fusion_flows.rundir.directory import artifact_key, resumed_as, run_id_of
from fusion_flows.server.connection import Connection, Unreachable
from fusion_flows.server.downloads import address_of, is_download
from fusion_flows.server.ui_pages import page

Row = Mapping[str, Any]


class Artifacts:
    """The artifacts of one run. Each is made once and then changed, also by a later attempt.

    Prefect's own functions open a new client for each call, which costs several times the call.
    """

    def __init__(self, connection: Connection, flow_run_id: UUID) -> None:
        """Prepare to publish for this flow run."""
        self._connection = connection
        self._flow_run_id = flow_run_id
        self._key = run_id_of(flow_run_id)
        self._ids: dict[str, UUID] = {}

    def put(self, kind: str, form: str, data: Any, description: str) -> None:
        """Make or change the artifact `kind` of this run.

        kind: progress, points, plot or report.  form: Prefect's type of artifact. Raises
        Unreachable, and what Prefect's client raises for an answer that says no.
        """
        key = artifact_key(kind, self._key)
        known = self._ids.get(key) or self._connection.call(lambda client: self._find(client, key))
        if known is None:
            made = ArtifactCreate(
                key=key,
                type=form,
                data=data,
                description=description,
                flow_run_id=self._flow_run_id,
            )
            known = self._connection.call(lambda client: client.create_artifact(made)).id
        else:
            change = ArtifactUpdate(data=data, description=description)
            self._connection.call(lambda client: client.update_artifact(known, change))
        self._ids[key] = known

    def address(self, kind: str) -> str:
        """Return the page of an artifact that was put, in the UI of the server; empty without a server."""
        known = self._ids.get(artifact_key(kind, self._key))
        return page(f"/artifacts/artifact/{known}") if known else ""

    def download(self, run_id: str) -> str:
        """Return the address of the report of a run at the server, without the host; empty where it has none.

        Ours has the reports of its folder of runs; others, or one that cannot read this folder, have none.
        """
        api_url = PREFECT_API_URL.value()
        if not api_url:
            return ""
        address = address_of(api_url, run_id)
        try:
            answer = self._connection.call(
                lambda client: client._client.head(urljoin(api_url, address))
            )
        except (Unreachable, httpx.HTTPError):
            return ""
        return address if is_download(answer.headers) else ""

    def _find(self, client: SyncPrefectClient, key: str) -> UUID | None:
        found = client.read_artifacts(
            artifact_filter=ArtifactFilter(
                key=ArtifactFilterKey(any_=[key]),
                flow_run_id=ArtifactFilterFlowRunId(any_=[self._flow_run_id]),
            ),
            limit=1,
        )
        return found[0].id if found else None


def tell_that_it_is_resumed(connection: Connection, earlier: Iterable[str], run_id: str) -> None:
    """Have the progress of earlier runs say that another goes on with their files.

    earlier: their run ids. Nothing here can end the run, and a run that never had a progress gets none.
    """
    keys = [artifact_key("progress", each) for each in earlier if each != run_id]
    wanted = ArtifactFilter(key=ArtifactFilterKey(any_=keys))
    change = ArtifactUpdate(description=resumed_as(run_id))
    with suppress(Exception):  # the server is away, or says no
        found = connection.call(lambda client: client.read_artifacts(artifact_filter=wanted))
        for artifact in found:
            connection.call(partial(_change, artifact_id=artifact.id, change=change))


def _change(client: SyncPrefectClient, artifact_id: UUID, change: ArtifactUpdate) -> None:
    client.update_artifact(artifact_id, change)


def news(state: ProgressState, confidence: float, *, ended: bool = False) -> str:
    """Return what is new in a run, on one line: the only text of an artifact seen before a click.

    ended: nothing more will come, so there is no time to wait for.
    """
    parts = [f"{len(state.completed)}/{counted(state.total_erlangs, 'load')}"]
    incomplete = len(state.completed) < state.total_erlangs
    if incomplete and not ended and state.seconds_left is not None:
        parts.append(f"ETA {clock(state.seconds_left)}")
    if state.completed:
        erlang = max(state.completed)
        parts.append(f"{erlang:g} E: {metrics_text(state.completed[erlang])}")
    elif state.latest is not None:
        erlang = float(state.latest["erlang"])
        so_far = metrics_text(_estimate(state.so_far(erlang, confidence)))
        parts.append(f"{erlang:g} E: {so_far} so far")
    done = sum(len(replications) for replications in state.finished.values())
    needed = state.total_erlangs * state.total_iterations
    parts.append(f"{done:,}/{counted(needed, 'replication')}")
    return ", ".join(parts)


def now(state: ProgressState, confidence: float) -> str:
    """Return the load of the last replication and its blocking so far; nothing when that load is done."""
    if state.latest is None or (erlang := float(state.latest["erlang"])) in state.completed:
        return ""
    metrics = _estimate(state.so_far(erlang, confidence))
    return f"{erlang:g} E: " + so_far(*(metrics[name] for name in metrics))


def live_rows(
    state: ProgressState,
    confidence: float,
    loads: Iterable[float] | None = None,
    unfinished: str = "running",
    *,
    offered_per_nominal: float = 1.0,
) -> list[dict[str, Any]]:
    """Return a row per load that has a replication, with what its events tell of it.

    loads: those that are wanted, in this order; None: all, the lowest first. unfinished: the stop
    reason of a load that has none. offered_per_nominal: the offered load over the nominal one.
    """
    rows = []
    wanted = sorted(state.finished.keys() | state.completed.keys()) if loads is None else loads
    for erlang in wanted:
        counts = state.finished.get(erlang, {}).values()
        metrics = state.completed.get(erlang) or _estimate(state.so_far(erlang, confidence))
        rows.append(
            {
                "erlang": erlang,
                "offered_erlang": erlang * offered_per_nominal,
                "blocking_probability": metrics.get("mean_blocking"),
                "blocking_probability_ci_lower": metrics.get("ci_lower"),
                "blocking_probability_ci_upper": metrics.get("ci_upper"),
                "replications": metrics.get("replications", len(counts)),
                "blocked": metrics.get("blocked", sum(blocked for blocked, _ in counts)),
                "requests": metrics.get("requests", sum(offered for _, offered in counts)),
                "stop_reason": metrics.get("stop_reason", unfinished),
            }
        )
    return rows


def _estimate(estimate: Estimate) -> dict[str, float | None]:
    """Return an estimate as the metrics of an event: None for what there is not."""
    mean, lower, upper, _ = estimate
    found: dict[str, float | None]
    found = finite({"mean_blocking": mean, "ci_lower": lower, "ci_upper": upper})
    return found


def metrics_text(metrics: Mapping[str, Any]) -> str:
    """Return what came out at a load, such as `blocking 0.0416 [0.0404, 0.0428]`."""
    mean, lower, upper = (metrics.get(key) for key in ("mean_blocking", "ci_lower", "ci_upper"))
    if mean is None:
        return "done"
    if mean == 0 and upper:
        return f"blocking below {upper:.2g}"
    return f"blocking {with_interval(mean, lower, upper)}"


def table(rows: Sequence[Row], unfinished: str = INTERRUPTED) -> str:
    """Return the points as the data of a table artifact: a few columns with readable names.

    unfinished: what is said of a load that was interrupted.
    """
    return json.dumps(point_texts(rows, unfinished))
