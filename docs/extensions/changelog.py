"""The directive ``changelog``: CHANGELOG.md, whose Markdown is headings, lists, code and links."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

_FILE = Path(__file__).parents[2] / "CHANGELOG.md"
_UNDERLINES = {"## ": "-", "### ": "~"}


class Changelog(SphinxDirective):
    """Puts everything below the file's title where it stands."""

    def run(self) -> list[nodes.Node]:
        self.env.note_dependency(str(_FILE))
        _, _, text = _FILE.read_text(encoding="utf-8").partition("\n")
        return self.parse_text_to_nodes(restructured(text), allow_section_headings=True)


def restructured(markdown: str) -> str:
    text = re.sub(r"`([^`]+)`", r"``\1``", markdown)
    text = re.sub(r"\[([^]]+)\]\(([^)]+)\)", r"`\1 <\2>`__", text)
    return re.sub(r"^(###? )(.+)$", _heading, text, flags=re.MULTILINE)


def _heading(found: re.Match[str]) -> str:
    title = found[2].replace("[", "").replace("]", "")
    return f"{title}\n{_UNDERLINES[found[1]] * len(title)}"


def setup(app: Sphinx) -> dict[str, Any]:
    app.add_directive("changelog", Changelog)
    return {"parallel_read_safe": True}
