"""Finds in a Python source what other libraries have in it. Pure: text in, remarks out."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Set
from typing import NamedTuple

from .libraries import LIBRARIES
from .library import Change
from .library import differs
from .library import Library
from .library import missing
from .settings import FEATURES

_BY_MODULE = {library.module: library for library in LIBRARIES}
#: What takes the place of a class, whose keywords stay to be looked at: by its name here.
_MOVED = {
    change.new: dotted
    for library in LIBRARIES
    for dotted, change in library.imports.items()
    if change.fate == "same" and dotted.rpartition(".")[2] in library.keywords
}
_STAR = missing("Name what you import.")
_UNKNOWN = missing("Nothing here corresponds to it.")


class Remark(NamedTuple):
    """What becomes of one thing in a source.

    :param kind: ``"import"``, ``"keyword"``, ``"call"``, ``"attribute"`` or ``"setting"``.
    :param old: what it is called in the source.
    """

    line: int
    kind: str
    old: str
    change: Change
    library: Library


def instances(tree: ast.Module) -> dict[str, Library]:
    """Names of variables that hold an object of a library: ``limiter``."""
    imported = _imported(tree)
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, (ast.Assign, ast.AnnAssign)) and isinstance(node.value, ast.Call):
            dotted = _dotted(node.value.func, imported)
            dotted = _MOVED.get(dotted, dotted)
            library = _library_of(dotted)
            made_by = {dotted, dotted.rpartition(".")[0]}  # the class, or a method of the class
            if library is not None and not made_by.isdisjoint(library.imports):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                found.update({_last_name(target): library for target in targets})
    return found


def calls(tree: ast.Module) -> set[str]:
    """The full names of all that is called and was imported: ``flask_cors.CORS``."""
    imported = _imported(tree)
    found = {_dotted(node.func, imported) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    return found - {""}


def remarks(tree: ast.Module, known: dict[str, Library], called: Set[str]) -> list[Remark]:
    """All there is to say about a source, in its order.

    :param known: the :func:`instances` of all sources of the app, which may import them.
    :param called: the :func:`calls` of all sources.
    """
    imported = _imported(tree)
    found: list[Remark] = []
    for node in ast.walk(tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            found += _of_import(node)
        elif isinstance(node, ast.Call):
            found += _of_call(node, imported, known)
            found += _of_call_alone(node, imported, called)
        elif isinstance(node, ast.Attribute):
            found += _of_attribute(node, imported, known)
        found += _of_settings(node)
    return sorted(found, key=lambda remark: remark.line)


def _library_of(dotted: str) -> Library | None:
    return _BY_MODULE.get(dotted.partition(".")[0])


def _imported(tree: ast.Module) -> dict[str, str]:
    """What each imported name stands for: ``{"Limiter": "flask_limiter.Limiter"}``."""
    names = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.update({a.asname or a.name: f"{node.module}.{a.name}" for a in node.names})
        elif isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.partition(".")[0]
                names[alias.asname or top] = alias.name if alias.asname else top
    return names


def _dotted(node: ast.expr, imported: dict[str, str]) -> str:
    """The full name of what an expression names; empty if it is none that was imported."""
    if isinstance(node, ast.Name):
        return imported.get(node.id, "")
    if isinstance(node, ast.Attribute):
        base = _dotted(node.value, imported)
        return f"{base}.{node.attr}" if base else ""
    return ""


def _last_name(node: ast.expr) -> str:
    return getattr(node, "attr", "") or getattr(node, "id", "")


def _of_import(node: ast.Import | ast.ImportFrom) -> Iterator[Remark]:
    for alias in node.names:
        if isinstance(node, ast.Import):
            dotted, change = alias.name, differs("from flask_rf import …", "Import names from it.")
        elif node.level:
            continue
        else:
            dotted, change = f"{node.module}.{alias.name}", _STAR
        library = _library_of(dotted)
        if library is not None:
            if isinstance(node, ast.ImportFrom) and alias.name != "*":
                change = library.imports.get(dotted, _UNKNOWN)
            yield Remark(node.lineno, "import", dotted, change, library)


def _of_call(
    node: ast.Call, imported: dict[str, str], known: dict[str, Library]
) -> Iterator[Remark]:
    dotted = _dotted(node.func, imported)
    moved = dotted in _MOVED
    library = _library_of(_MOVED.get(dotted, dotted))
    if library is None and isinstance(node.func, ast.Attribute):
        library = known.get(_last_name(node.func.value))
    if library is not None:
        name = dotted.rpartition(".")[2] or _last_name(node.func)
        yield from _of_keywords(node, name, library, moved)
        if not moved:
            yield from _of_what_is_left_out(node, name, library)


def _of_call_alone(node: ast.Call, imported: dict[str, str], called: Set[str]) -> Iterator[Remark]:
    dotted = _dotted(node.func, imported)
    library = _library_of(_MOVED.get(dotted, dotted))
    if library is not None:
        name = dotted.rpartition(".")[2]
        others, change = library.alone.get(name, ((), _UNKNOWN))
        if others and not called & {*others}:
            what = others[0].rpartition(".")[2]
            yield Remark(node.lineno, "call", f"{name}() without {what}(…)", change, library)


def _of_keywords(node: ast.Call, name: str, library: Library, moved: bool) -> Iterator[Remark]:
    table = library.keywords.get(name, {})
    unknown = _UNKNOWN if _is_class(name, library) else None
    ours = FEATURES[library.name].options.settings() if moved else {}
    for keyword in node.keywords:
        if keyword.arg is None:  # **options
            continue
        change = table.get(keyword.arg, None if keyword.arg in ours else unknown)
        # Once moved, what there is here by that name is nobody's concern any more.
        if change is None or change.fate == "same" or (moved and change.new == keyword.arg):
            continue
        yield Remark(keyword.value.lineno, "keyword", f"{name}({keyword.arg}=…)", change, library)


def _is_class(name: str, library: Library) -> bool:
    """Whether the table has all keywords of it; of methods it has those that do not go over."""
    names = {dotted.rpartition(".")[2] for dotted in library.imports}
    return name in names.intersection(library.keywords)


def _of_what_is_left_out(node: ast.Call, name: str, library: Library) -> Iterator[Remark]:
    wanted, change = library.without.get(name, ((), _UNKNOWN))
    given = {keyword.arg for keyword in node.keywords}  # None stands for **options
    given |= {"app"} if node.args else set()
    if wanted and not given & {*wanted, None}:
        yield Remark(node.lineno, "call", f"{name}() without {wanted[0]}=", change, library)


def _of_attribute(
    node: ast.Attribute, imported: dict[str, str], known: dict[str, Library]
) -> Iterator[Remark]:
    owner = _last_name(node.value)
    library = known.get(owner) or _library_of(_dotted(node.value, imported))
    if library is not None and node.attr in library.attributes:
        old = f"{owner}.{node.attr}"
        yield Remark(node.lineno, "attribute", old, library.attributes[node.attr], library)


def _of_settings(node: ast.AST) -> Iterator[Remark]:
    """Keys as text (``app.config["…"]``), as keywords (``update(…)``) and as names of a class."""
    for line, key in _keys(node):
        for library in LIBRARIES:
            change = library.settings.get(key)
            if change is not None and change.fate != "same":
                yield Remark(line, "setting", key, change, library)


def _keys(node: ast.AST) -> Iterable[tuple[int, str]]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [(node.lineno, node.value)]
    if isinstance(node, ast.keyword) and node.arg:
        return [(node.value.lineno, node.arg)]
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        return [(node.lineno, node.id)]
    return []
