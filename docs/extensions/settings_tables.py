"""The directive ``settings-tables``: settings, from the declarations the package reads."""

from __future__ import annotations

from typing import Any

from declared_settings import sections
from declared_settings import table
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective


class SettingsTables(SphinxDirective):
    """Puts where it stands a section with a table for each prefix, or one prefix's table alone."""

    optional_arguments = 1

    def run(self) -> list[nodes.Node]:
        text = table(self.arguments[0]) if self.arguments else sections()
        return self.parse_text_to_nodes(text, allow_section_headings=True)


def setup(app: Sphinx) -> dict[str, Any]:
    app.add_directive("settings-tables", SettingsTables)
    return {"parallel_read_safe": True}
