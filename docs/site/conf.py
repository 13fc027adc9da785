"""The documents as a site: `make docs-site` builds it into build/site, where index.html opens from disk.

The pages are those that a code host shows: DESIGN.md, CHANGELOG.md and docs/. Links to other files of the
repository become downloads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx

project = "FUSION"
author = "The FUSION developers"
html_title = "FUSION"
extensions = ["myst_parser", "sphinx_copybutton"]
root_doc = "docs/README"
include_patterns = ["docs/**.md", "DESIGN.md", "CHANGELOG.md"]
exclude_patterns = [".*", "build", "dist", "runs", "tests"]
myst_heading_anchors = 4
copybutton_prompt_text = "$ "
smartquotes = False  # keys and options are to be copied as they stand
html_theme = "furo"
html_extra_path = ["index.html"]
html_static_path = ["static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sourcelink = False
html_show_copyright = False

_PAGES = {
    "Start": ("package", "tutorial", "howto/install", "howto/upgrade"),
    "How do I ...": (
        *(
            "howto/my_topology",
            *("howto/from_gnpy", "howto/from_sndlib", "howto/from_topology_zoo"),
            "howto/from_simulators",
            "howto/my_traffic",
            "howto/load_range",
            "howto/where_results_go",
            "policies",
            "howto/two_machines",
            "howto/nightly",
        ),
        *("howto/postgresql", "howto/auth", "howto/pandas_and_r", "coming_from_fusion"),
        *("survivability", "learning", "howto/train_an_agent", "howto/agent_as_policy"),
        *("rare_events", "bounds", "trained_agents"),
    ),
    "Reference": (
        *("config", "features", "templates", "topologies", "formats", "ties", "sweeps", "machines"),
        *("command", "api"),
        *("modules", "prefect", "files", "faults"),
    ),
    "Background": (
        *("background", "glossary", "statistics", "validation", "physics"),
        *("reproduce", "study_path_orders"),
        *("../DESIGN", "../CHANGELOG"),
    ),
}


def setup(app: Sphinx) -> None:
    """Give the list of all pages its place in the navigation, which a code host does not need."""
    app.connect("source-read", _with_navigation)


def _with_navigation(_: Sphinx, page: str, content: list[str]) -> None:
    if page == root_doc:
        for title, pages in _PAGES.items():
            names = "\n".join(pages)
            content[0] += f"\n```{{toctree}}\n:hidden:\n:caption: {title}\n\n{names}\n```\n"
