"""Write docs/glossary.md from the terms that reports explain: `python docs/make_glossary.py`."""

from __future__ import annotations

from pathlib import Path

from fusion_flows.report.terms import GLOSSARY

TARGET = Path(__file__).with_name("glossary.md")
HEAD = """# Glossary

The terms of this documentation, of reports and of tables, each with a source. Each report ends with
those that it uses. The words for parts of the program, such as run, store and template, are in
[DESIGN.md](../DESIGN.md#nouns).

This page is made from `fusion_flows/report/terms.py` by `python docs/make_glossary.py`.
"""


def page() -> str:
    """Return docs/glossary.md."""
    parts = [HEAD]
    for term in GLOSSARY:
        also = f" Also: {', '.join(term.also)}." if term.also else ""
        parts.append(f"\n## {term.name}\n\n{term.text}{also}\n\nSource: {term.source}.\n")
    return "".join(parts)


if __name__ == "__main__":
    TARGET.write_text(page(), encoding="utf-8")
