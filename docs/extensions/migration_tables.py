"""The directive ``migration-table``: what becomes of a library's names, from flask_rf's tables."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from declared_settings import _escaped
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from flask_rf.migration.libraries import LIBRARIES
from flask_rf.migration.library import Change

_LIBRARIES = {library.module: library for library in LIBRARIES}


class MigrationTable(SphinxDirective):
    """A table of ``settings``, ``imports``, ``attributes`` or the keywords of a callable.

    Its arguments are the library's module and the table's name.
    """

    required_arguments = 2

    def run(self) -> list[nodes.Node]:
        module, name = self.arguments
        library = _LIBRARIES[module]
        table = getattr(library, name, None) or library.keywords[name]
        return self.parse_text_to_nodes("\n".join(_rows(table)))


def _rows(table: dict[str, Change]) -> Iterator[str]:
    yield from (".. list-table::", "   :header-rows: 1", "   :widths: 35 15 50", "")
    yield from ("   * - There", "     - Here it is", "     - Namely")
    for name, change in table.items():
        new = f"``{change.new}``. " if change.new and change.new != name else ""
        yield f"   * - ``{name}``"
        yield f"     - {change.fate}"
        yield f"     - {new}{_escaped(change.note)}".rstrip()
    yield ""


def setup(app: Sphinx) -> dict[str, Any]:
    app.add_directive("migration-table", MigrationTable)
    return {"parallel_read_safe": True}
