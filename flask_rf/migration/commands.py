"""``flask rf migrate``: what becomes of an app's settings, and of its sources."""

from __future__ import annotations

import ast
import io
import os
import tokenize
import warnings
from collections.abc import Iterable
from collections.abc import Iterator
from pathlib import Path

import click
from flask.cli import ScriptInfo

from .imports import with_ours
from .library import BY_HAND
from .library import Change
from .library import Library
from .settings import Found
from .settings import found_settings
from .settings import refusals
from .source import calls
from .source import instances
from .source import Remark
from .source import remarks

_COLOURS = {
    "same": "green",
    "renamed": "yellow",
    "not needed": "green",
    "differs": "red",
    "missing": "red",
    "refused": "red",
}
_NOT_OURS = {"venv", "node_modules", "site-packages", "__pycache__"}
#: What the parser raises over a file; the last two over tables that a program has written.
_UNREADABLE = (SyntaxError, ValueError, RecursionError, MemoryError)


@click.command("migrate")
@click.argument("paths", nargs=-1, type=click.Path(exists=True, path_type=Path))
@click.option("--write", is_flag=True, help="Change the imports for which that is enough.")
@click.pass_context
def migrate(context: click.Context, paths: tuple[Path, ...], write: bool) -> None:
    """Say what becomes of an app that uses Flask-Limiter, Flask-Cors and the like.

    Without PATHS: of its settings. With PATHS, files or folders: of their imports, keywords and
    settings; the app is not loaded. The exit status is 1 while something is left to do.
    """
    if write and not paths:
        raise click.UsageError("--write needs the files or folders to change")
    left = _migrate_sources(paths, write) if paths else _migrate_settings(context)
    context.exit(1 if left else 0)


def _migrate_settings(context: click.Context) -> bool:
    app = context.ensure_object(ScriptInfo).load_app()
    found = list(found_settings({**os.environ, **app.config}))
    for name in dict.fromkeys(one.library.name for one in found):
        click.secho(name, bold=True)
        for one in found:
            if one.library.name == name:
                _print(f"  {one.key}", one.change)
    refused = list(refusals(found))
    for library, reason in refused:
        _print(f"  {library.name}", Change("missing", note=reason), fate="refused")
    _print_end(_guides(found), "No setting of another library is set.")
    click.echo("Its sources: flask rf migrate PATH …")
    return bool(refused) or any(one.change.fate != "same" for one in found)


def _migrate_sources(paths: tuple[Path, ...], write: bool) -> bool:
    files = list(dict.fromkeys(file for path in paths for file in _python_files(path)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the parser's, which cannot tell the file
        if write:
            for file in files:
                _write(file)
        trees = {file: tree for file in files if (tree := _parsed(file)) is not None}
    known: dict[str, Library] = {}
    for tree in trees.values():
        known.update(instances(tree))
    called = set().union(*map(calls, trees.values()))
    found = {file: remarks(tree, known, called) for file, tree in trees.items()}
    for file, said in found.items():
        for remark in said:
            _print(f"{file}:{remark.line}: {remark.old}", remark.change)
    everything = [remark for said in found.values() for remark in said]
    _print_end(_guides(everything), "Nothing of another library is left in there.")
    _print_summary(everything)
    return bool(everything)


def _python_files(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
        return
    for file in sorted(path.rglob("*.py")):
        folders = file.relative_to(path).parts[:-1]
        if any(name in _NOT_OURS or name.startswith(".") for name in folders):
            continue
        if file.is_file():  # editors leave links that lead nowhere
            yield file


def _parsed(file: Path) -> ast.Module | None:
    try:
        return ast.parse(file.read_bytes())
    except _UNREADABLE as error:
        reason = str(error) or "it is too deep"
        click.secho(f"{file}: passed over, it is no Python of this version ({reason})", fg="yellow")
    except OSError as error:
        click.secho(f"{file}: passed over ({error.strerror})", fg="yellow")
    return None


def _write(file: Path) -> None:
    try:
        raw = file.read_bytes()
        encoding, _ = tokenize.detect_encoding(io.BytesIO(raw).readline)
        changed = with_ours(raw.decode(encoding)).encode(encoding)
    except (*_UNREADABLE, OSError):
        return  # _parsed says so
    if changed == raw:
        return
    try:
        file.write_bytes(changed)
    except OSError as error:
        click.secho(f"{file}: not changed ({error.strerror})", fg="yellow")
    else:
        click.echo(f"{file}: imports changed")


def _print(what: str, change: Change, fate: str = "") -> None:
    fate = fate or change.fate
    word = click.style(fate, fg=_COLOURS[fate])
    new = f" -> {change.new}" if change.new and change.new != what.strip() else ""
    click.echo(f"{what}  {word}{new}")
    if change.note:
        click.echo(f"      {change.note}")


def _guides(found: Iterable[Found | Remark]) -> list[str]:
    return list(dict.fromkeys(one.library.section for one in found))


def _print_end(guides: list[str], nothing: str) -> None:
    if guides:
        click.echo(f"Guides: docs/migrating.rst, {', '.join(guides)}.")
    else:
        click.secho(nothing, fg="green")


def _print_summary(found: list[Remark]) -> None:
    by_hand = sum(1 for remark in found if remark.change.fate in BY_HAND)
    imports = sum(1 for one in found if one.kind == "import" and one.change.fate not in BY_HAND)
    rest = len(found) - by_hand - imports
    if found:
        click.secho(
            f"{imports} imports to change (--write does it), {rest} things to rename or leave out, "
            f"{by_hand} to look at.",
            bold=True,
        )
