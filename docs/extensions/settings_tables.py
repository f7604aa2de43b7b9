"""The directive ``settings-tables``: every setting, from the declarations the package reads."""

from __future__ import annotations

from typing import Any

from declared_settings import sections
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective


class SettingsTables(SphinxDirective):
    """Puts a section with a table for each prefix where it stands."""

    def run(self) -> list[nodes.Node]:
        return self.parse_text_to_nodes(sections(), allow_section_headings=True)


def setup(app: Sphinx) -> dict[str, Any]:
    app.add_directive("settings-tables", SettingsTables)
    return {"parallel_read_safe": True}
