"""What the report of a run says, and what it is written as."""

import io
import json
import re
import shutil
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote
from xml.etree import ElementTree

import pytest
from PIL import Image

from fusion_flows.following.result_lines import results
from fusion_flows.report import markdown as md
from fusion_flows.report.html import html, rich, write_html
from fusion_flows.report.markdown import markdown
from fusion_flows.report.page import Page, Picture, Section, Table, Terms
from fusion_flows.report.pictures import pictures_of, write_pictures
from fusion_flows.report.results import read_results
from fusion_flows.report.run_page import run_page
from fusion_flows.report.tables import BOUND, bit_rates_table, failures_table, links_table
from fusion_flows.report.worst import first_path, worst_pair
from fusion_flows.rundir.directory import RunDirectory

from .conftest import Done, simulate

SECTIONS = [
    "Blocking over load",
    "Where blocking happens",
    "How full the links are",
    "Convergence over replications",
    "Files",
    "How to reproduce it",
    "Terms",
]


@pytest.fixture(scope="module")
def page(done: Done) -> Page:
    return run_page(*done, "")


def tables(page: Page) -> list[Table]:
    return [part for section in page.sections for part in section.parts if isinstance(part, Table)]


def test_a_report_reads_like_a_page_of_a_paper(done: Done, page: Page) -> None:
    assert page.title == "nsfnet_deeprmsa kspff 140-180 E"
    assert len(page.setting) == 2
    assert re.fullmatch(r"Blocking probability at 140 Erlang \S.*; at 180 Erlang \S.*", *page.found)
    title = "# nsfnet\\_deeprmsa kspff 140-180 E"
    assert markdown(page).startswith(f"{title}\n\n**Blocking probability at 140 Erlang ")
    assert f"<p><strong>{page.found[0]}</strong></p>" in html(page)
    lengths = "shortest link 150 km, mean 968.2 km, longest 2,400 km"
    assert page.setting[0].endswith(f"; {lengths}")
    assert lengths in markdown(page)
    assert lengths in html(page)
    assert [section.title for section in page.sections] == SECTIONS
    assert [one.name for one in pictures_of(page)] == [
        *("blocking", "bit_rates", "topology", "convergence")
    ]
    captions = [one.caption for one in pictures_of(page)]
    assert [caption[:9] for caption in captions] == [f"Figure {n}:" for n in (1, 2, 3, 4)]
    assert [one.caption[:8] for one in tables(page)] == [f"Table {n}:" for n in (1, 2, 3, 4)]
    text = markdown(page)
    assert text.count("data:image/svg+xml;base64,") == 4
    assert f"fusion-sim --config {done.run.config}" in text
    assert str(done.run.path) in text
    assert "Partial" not in text
    assert page.about.startswith("FUSION ")


def test_the_same_is_in_both_forms(page: Page) -> None:
    text, whole = markdown(page), html(page)
    for section in page.sections:
        assert f"## {section.title}\n" in text
        assert f">{section.title}</h2>" in whole
    points, _, pairs, _ = tables(page)
    cells = [cells for row in points.rows for cells in zip(points.columns, row, strict=True)]
    for column, cell in cells:
        assert cell.text in whole
        assert column in points.wide or cell.text.replace(" ", "\u00a0") in text
    assert points.wide == {"by bit rate", "blocked / requests", "replications", "stop"}
    told = "Not shown: by bit rate, replications, blocked / requests, stop; all are in `output/points.csv`."
    assert told in text
    assert text.count("\n| ") == sum(min(len(one.rows), one.brief) + 2 for one in tables(page))
    assert len(pairs.rows) > pairs.brief, "only the HTML has all of them"
    cut = f"The first {pairs.brief} of {len(pairs.rows)} rows; not shown: blocked / requests; all are in"
    assert f"{cut} `output/pairs.csv`." in text
    assert whole.count("<tr>") == sum(len(one.rows) + 1 for one in tables(page))


def test_what_is_missing_is_said_with_its_reason(done: Done, tmp_path: Path) -> None:
    copy = RunDirectory(shutil.copytree(done.run.path, tmp_path / "0123456789ab"))
    whole = copy.points.read_text().splitlines(keepends=True)
    copy.points.write_text("".join(whole[:3]).replace("fixed", "interrupted"))
    for partial in (markdown, html):
        told = partial(run_page(copy, done.config, done.inputs, "Cancelled by <b>me</b>"))
        assert "Partial results" in told
        assert "0 of 3 loads are complete" in told
        assert f"fusion run --resume {copy.path}" in told
    assert "<b>me" not in told, "texts are no HTML"
    shutil.rmtree(copy.output)
    text = markdown(run_page(copy, done.config, done.inputs, "it did not begin"))
    assert "There are no results yet." in text
    assert "data:image" not in text


def test_the_difference_to_gnpy_is_told_where_there_is_one(done: Done, tmp_path: Path) -> None:
    copy = RunDirectory(shutil.copytree(done.run.path, tmp_path / "0123456789ab"))
    assert "GNPy" not in markdown(run_page(copy, done.config, done.inputs, ""))
    lines = ["erlang,difference_db", "180.0,0.02", "180.0,-0.12", "180.0,0.01"]
    (copy.output / "gnpy_difference.csv").write_text("\n".join(lines) + "\n")
    for as_text in (markdown, html):
        text = as_text(run_page(copy, done.config, done.inputs, ""))
        assert "3 lightpaths at 180 Erlang: mean -0.03 dB, worst -0.12 dB." in text
        assert "gnpy_difference.csv" in text


def test_a_run_is_called_in_its_report_as_it_was_named(done: Done, tmp_path: Path) -> None:
    copy = RunDirectory(shutil.copytree(done.run.path, tmp_path / "0123456789ab"))
    copy.flow_run.write_text('{"flow_run_id": "", "name": "five <paths> *now*"}')
    page = run_page(copy, done.config, done.inputs, "")
    assert page.title == "five <paths> *now* (nsfnet_deeprmsa kspff 140-180 E)"
    whole, text = html(page), markdown(page)
    title = "five &lt;paths&gt; *now* (nsfnet_deeprmsa kspff 140-180 E)"
    assert f"<title>{title}</title>" in whole
    assert f"<h1>{title}</h1>" in whole
    assert text.startswith(r"# five \<paths\> \*now\* (nsfnet\_deeprmsa kspff 140-180 E)")
    copy.flow_run.write_text('{"flow_run_id": "", "name": "nsfnet_deeprmsa kspff 140-180 E"}')
    page = run_page(copy, done.config, done.inputs, "")
    assert page.title == "nsfnet_deeprmsa kspff 140-180 E", "nobody gave it another"


def test_a_suspended_run_is_resumed_by_a_button_or_a_command(done: Done, tmp_path: Path) -> None:
    copy = RunDirectory(shutil.copytree(done.run.path, tmp_path / "0123456789ab"))
    flow_run = "a0a0a0a0-0000-4000-8000-abcdef012345"  # that goes on in the directory of another
    for recorded, run_id in (("", "0123456789ab"), (flow_run, "abcdef012345")):
        copy.flow_run.write_text(f'{{"flow_run_id": "{recorded}", "name": ""}}')
        page = run_page(copy, done.config, done.inputs, "Suspended", suspended=True)
        for text in (markdown(page), html(page)):
            assert "Resume" in text
            assert f"fusion resume {run_id}" in text
            assert f"fusion run --resume {copy.path}" in text
        assert "fusion resume" not in markdown(run_page(copy, done.config, done.inputs, "Killed"))


def test_the_pair_that_surely_blocks_most_comes_first(done: Done, page: Page) -> None:
    results = read_results(done.run)
    assert results.load == 180
    assert {row["erlang"] for row in (*results.links, *results.pairs)} == {180}
    assert len(results.links) == 44
    assert len(results.pairs) == 182
    worst = worst_pair(results.pairs)
    assert worst is not None
    lower = "blocking_probability_ci_lower"
    assert worst[lower] == max(row[lower] for row in results.pairs if row["blocked"])
    table = tables(page)[2]
    ids = worst["source"], worst["destination"]
    called = [f"{node} ({done.inputs.topology.names[node]})" for node in ids]
    assert [cell.text for cell in table.rows[0][:2]] == called
    assert f"highest blocking: {called[0]} to {called[1]}" in html(page)
    few = [{**row, "blocked": 0} for row in results.pairs]
    assert worst_pair(few) is None


def test_the_first_path_is_that_of_the_simulator(done: Done) -> None:
    from fusion.network.paths import k_shortest_paths

    topology = done.inputs.topology
    paths = k_shortest_paths(topology, 1, done.config.routing_settings.path_order, False)
    for pair, (source, destination) in enumerate(paths.pairs):
        ends = topology.nodes[source], topology.nodes[destination]
        found = first_path(done.config, done.inputs, *ends)
        assert (found[0], found[-1]) == ends
        first = paths.first_path[pair]
        links = paths.links[paths.first_hop[first] : paths.first_hop[first + 1]]
        hops = [
            {topology.nodes[a], topology.nodes[b]}
            for a, b, _ in map(topology.links.__getitem__, links)
        ]
        assert [set(hop) for hop in pairwise(found)] == hops


def test_the_rule_of_the_candidate_paths_and_its_ties_are_there(done: Done) -> None:
    """182 pairs by hops: counted by brute force in tests/unit/test_path_rule.py."""
    text = markdown(run_page(*done, ""))
    assert "by hops (ties: shortest), modulation" in text
    told = (
        "Of 182 node pairs 124 have a tie for the last candidate path, and 182 have candidate paths"
    )
    assert f"{told} that are equal in path_order." in text
    record = json.loads(done.run.provenance.read_text())
    assert record["path_rule"] == "hops (ties: shortest)"


def test_where_nothing_is_blocked_nothing_is_marked(idle: Done) -> None:
    page = run_page(*idle, "")
    assert [one.name for one in pictures_of(page)] == ["blocking", "topology"]
    text = markdown(page)
    assert "At 2 E nothing is blocked." in text
    assert "so there is nothing to converge" in text
    assert "highest blocking" not in html(page)
    assert "| <\u00a0" in text


def test_a_picture_that_cannot_be_drawn_costs_no_result(
    done: Done, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fusion_flows.pictures import topology

    monkeypatch.setattr(topology, "positions", lambda _: {})
    page = run_page(*done, "")
    assert "topology" not in [one.name for one in pictures_of(page)]
    assert "The picture topology cannot be drawn" in markdown(page)
    assert len(tables(page)) == 4


def test_pictures_are_files_too(page: Page, tmp_path: Path) -> None:
    written = write_pictures(page, tmp_path / "plots")
    assert set(written) == {"blocking", "bit_rates", "topology", "convergence"}
    for path in written.values():
        assert path.read_bytes().startswith(b"\x89PNG")
        ElementTree.fromstring(path.with_suffix(".svg").read_text())


def test_pictures_fit_into_an_artifact(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(markdown(page)) < 700_000
    smaller = [len(md.small(one.png)) / len(one.png) for one in pictures_of(page)]
    assert max(smaller) < 0.6
    shown = Image.open(io.BytesIO(md.small(pictures_of(page)[2].png))).convert("RGB")
    assert shown.getpixel((1, 1)) == (255, 255, 255), "paper stays white"
    monkeypatch.setattr(md, "MOST_BYTES_OF_SVG", 0)
    assert markdown(page).count("data:image/png") == 4, "what is too large as SVG is PNG"
    monkeypatch.setattr(md, "MOST_BYTES", 40_000)
    text = markdown(page)
    assert 0 < text.count("data:image/png") < 4
    assert "Too large for this page: `plots/" in text
    assert len(text) < 80_000


class Outline(HTMLParser):
    """What a browser or a screen reader goes by."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.references: set[str] = set()
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self.tags.append((tag, attributes))
        if identity := attributes.get("id"):
            self.ids.append(identity)
        for value in attributes.values():
            for found in re.findall(r"^#(.+)|url\(#(.+?)\)", value or ""):
                self.references.add("".join(found))


def test_an_html_report_needs_nothing_else(page: Page) -> None:
    whole = html(page)
    outline = Outline()
    outline.feed(whole)
    assert len(set(outline.ids)) == len(outline.ids), "no picture takes the ids of another"
    assert outline.references <= set(outline.ids)
    for tag, attributes in outline.tags:
        assert tag != "link"
        if tag != "a":  # whose targets are not needed to read it
            for name in ("src", "href", "xlink:href"):
                assert (attributes.get(name) or "#").startswith(("#", "data:"))
    assert len(whole) < 1_000_000


def test_an_html_report_can_be_read_aloud(page: Page) -> None:
    outline = Outline()
    outline.feed(html(page))
    assert ("html", {"lang": "en"}) in outline.tags
    pictures = [attributes for tag, attributes in outline.tags if tag == "svg"]
    assert len(pictures) == 4
    assert all(one["role"] == "img" and len(one["aria-label"] or "") > 40 for one in pictures)
    headings = [attributes for tag, attributes in outline.tags if tag == "th"]
    assert headings
    assert all(one["scope"] == "col" for one in headings)
    counts = {tag: sum(one == tag for one, _ in outline.tags) for tag in ("table", "caption", "h1")}
    assert counts == {"table": 4, "caption": 4, "h1": 1}


@pytest.mark.parametrize("folder", ["", "beside", "a b/below"])
def test_files_are_linked_from_wherever_the_report_lies(
    done: Done, page: Page, tmp_path: Path, folder: str
) -> None:
    path = tmp_path / folder / "report.html" if folder else done.run.report
    path.parent.mkdir(parents=True, exist_ok=True)
    text = write_html(page, path).read_text()
    links = [unquote(link) for link in re.findall(r'<a href="([^"#:]+)"><code>', text)]
    assert len(links) > 5
    assert all((path.parent / link).exists() for link in links)
    assert ("output/points.csv" in links) == (not folder)


def test_texts_of_others_are_no_html() -> None:
    assert rich("a **b** `c` <script>") == ("a <strong>b</strong> <code>c</code> &lt;script&gt;")
    evil = Page(
        "<script>alert(1)</script>",
        ("**<img src=x>**",),
        "<i>",
        (Section("</h2><b>", (Picture("p", "<b>", '"><b>', b"", "<svg></svg>"),)),),
        "",
    )
    whole = html(evil)
    assert "alert(1)</script>" not in whole.replace("&lt;script&gt;alert(1)&lt;/script&gt;", "")
    assert "<b>" not in whole
    assert "<img" not in whole


def test_numbers_of_links_have_the_same_decimals_in_a_column() -> None:
    ends = {"utilisation_ci_lower": 0.4120, "utilisation_ci_upper": 0.4134}
    rows = [
        {"source": "1", "destination": "2", "length_km": 1050.0, "utilisation": 0.41271, **ends},
        {"source": "2", "destination": "3", "length_km": 70.25, "utilisation": 0.3, **ends},
    ]
    rows = [{**row, "fragmentation": 0.5} for row in rows]
    rows[1] |= {"utilisation_ci_lower": 0.2, "utilisation_ci_upper": 0.4}
    table = links_table(rows, 200.0, {"1": "1", "2": "2", "3": "3 (Bern)"}.__getitem__)
    texts = [[cell.text for cell in row] for row in table.rows]
    assert texts == [
        ["1", "2", "1050.00", "0.413", "0.412 to 0.413", "0.500"],
        ["2", "3 (Bern)", "70.25", "0.300", "0.200 to 0.400", "0.500"],
    ]


def test_a_report_explains_the_terms_that_it_uses_and_no_others(page: Page) -> None:
    (terms,) = [
        one for section in page.sections if section.title == "Terms" for one in section.parts[:1]
    ]
    assert isinstance(terms, Terms)
    explained = [term for term, _ in terms.entries]
    assert {"Blocking probability", "Erlang", "KSP-FF", "Replication", "Warm-up"} <= set(explained)
    assert not {"Crosstalk", "MSCL", "Common random numbers"} & set(explained)
    assert not any("](" in text for _, text in terms.entries), "a report has no pages beside it"
    assert "<dt>Erlang</dt>" in html(page)
    assert "- **Erlang**: The unit of offered load" in markdown(page)


def test_the_offered_load_is_told_where_it_is_not_the_nominal_one(
    done: Done, page: Page, tmp_path: Path
) -> None:
    """Truncated holding times make 140 E of the settings 96.2 E in truth."""
    assert "offered (E)" not in tables(page)[0].columns
    assert "nominal" not in page.setting[1]
    assert "offered:" not in results(read_results(done.run).points)
    short = simulate(
        tmp_path,
        "0123456789ab",
        {"traffic_settings": {"holding_distribution": "truncated_exponential"}},
    )
    page = run_page(*short, "")
    assert page.setting[1].startswith(
        "3 loads, 140-180 E nominal (96.18-123.7 E offered, because of holding_distribution); "
    )
    points = tables(page)[0]
    assert points.columns[:3] == ("load (E)", "offered (E)", "blocking")
    assert [row[1].text for row in points.rows] == ["96.18", "109.9", "123.7"]
    lines = results(read_results(short.run).points).splitlines()[1:]
    assert [line.partition("offered: ")[2] for line in lines] == ["96.18 E", "109.9 E", "123.7 E"]


def test_a_bound_is_explained_in_each_table_that_has_one(page: Page, idle: Done) -> None:
    assert not any(BOUND in one.caption for one in tables(page))
    rows = read_results(idle.run).bit_rates
    load = float(rows[0]["erlang"])
    assert BOUND in tables(run_page(*idle, ""))[0].caption
    assert BOUND in bit_rates_table(rows[:3], load).caption
    tolls = dict.fromkeys(("interrupted", "switched", "restored"))
    assert BOUND in failures_table([{**rows[0], "phase": "before", **tolls}]).caption
