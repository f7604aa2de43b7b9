"""``flask rf storage``: look into disks, and carry files to and fro."""

from __future__ import annotations

import os
import secrets
import stat
import sys
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from contextlib import suppress
from functools import wraps
from typing import Any
from typing import BinaryIO
from typing import IO

import click
from flask import current_app
from flask.cli import AppGroup
from flask.cli import with_appcontext

from ..errors import StorageError
from .disk import Disk
from .disks import Disks
from .driver import FileInfo
from .driver import Visibility
from .path import directory_path

_DAY = 86_400


@click.group("storage", cls=AppGroup, invoke_without_command=True)
@click.pass_context
@with_appcontext
def storage_command(context: click.Context) -> None:
    """List the disks; look into one, and carry files to and fro."""
    if context.invoked_subcommand is None:
        disks = _disks()
        for disk in disks:
            mark = "*" if disk.name == disks.default else " "
            click.echo(f"{mark} {disk.name}  {disk.driver.describe()}")


def _disk_command(name: str) -> Callable[[Callable[..., None]], click.Command]:
    """A subcommand whose first argument is the disk that ``--disk`` names."""

    def decorate(function: Callable[..., None]) -> click.Command:
        @wraps(function)
        def run(disk: str | None, **arguments: Any) -> None:
            chosen = _disks().disk(disk)
            try:
                function(chosen, **arguments)
            except BrokenPipeError:
                raise  # who reads has enough; click ends without a word
            except StorageError as error:
                error.disk = error.disk or chosen.name
                raise
            except OSError as error:
                raise click.ClickException(_said(error)) from error
            except ValueError as error:
                raise click.ClickException(str(error)) from error

        option = click.option("--disk", metavar="NAME", help="Which disk; the default one if none.")
        make: Callable[[Any], click.Command] = storage_command.command(name)
        return make(option(run))

    return decorate


@_disk_command("ls")
@click.argument("directory", default="")
@click.option("-r", "--recursive", is_flag=True, help="What is below, too.")
@click.option("-l", "--long", is_flag=True, help="Size, date and type of each file.")
def ls(disk: Disk, directory: str, recursive: bool, long: bool) -> None:
    """List the files of DIRECTORY, or of the whole disk."""
    if recursive:
        directories, files = disk.all_directories(directory), disk.all_files(directory)
    else:
        directories, files = disk.directories(directory), disk.files(directory)
    for path in directories:
        click.echo(_columns("", "", "", f"{path}/") if long else f"{path}/")
    for path in files:
        click.echo(_line(disk.info(path), path) if long else path)


@_disk_command("put")
@click.argument("file", type=click.File("rb"))
@click.argument("path")
@click.option("--new", is_flag=True, help="Never replace a file that is there.")
@click.option("--public", is_flag=True, help="Let everybody read it.")
def put(disk: Disk, file: BinaryIO, path: str, new: bool, public: bool) -> None:
    """Write FILE (- is the standard input) to PATH on the disk; PATH/ keeps its name."""
    if path.endswith("/"):
        if file is sys.stdin.buffer:
            raise click.ClickException("name the file: the standard input has no name to keep")
        path += os.path.basename(file.name)
    with _bar(_size_of(file), f"{path}") as told:
        visibility: Visibility | None = "public" if public else None
        disk.put(path, file, visibility=visibility, if_none_match=new, progress=told)


@_disk_command("get")
@click.argument("path")
@click.argument("file", required=False, type=click.Path(dir_okay=False))
@click.option("--force", is_flag=True, help="Replace FILE if it is there.")
def get(disk: Disk, path: str, file: str | None, force: bool) -> None:
    """Write PATH of the disk to FILE: its own name by default, - for the standard output."""
    info = disk.info(path)
    with (
        disk.read_stream(path) as stream,
        _output(file or path.rpartition("/")[2], force) as output,
    ):
        with _bar(info.size, path) as told:
            done = 0
            for piece in stream:
                output.write(piece)
                done += len(piece)
                told(done, info.size)


@_disk_command("rm")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("-r", "--recursive", is_flag=True, help="PATHs are directories, with all in them.")
def rm(disk: Disk, paths: tuple[str, ...], recursive: bool) -> None:
    """Delete files."""
    if recursive and not all(map(directory_path, paths)):  # an empty variable of a shell's
        raise click.ClickException("name what to delete; a whole disk is not deleted like this")
    missing = [] if recursive else [path for path in paths if disk.missing(path)]
    if missing:
        raise click.ClickException(f"there is no file {missing[0]!r} on the disk {disk.name!r}")
    for path in paths:
        if recursive:
            disk.delete_directory(path)
        else:
            disk.delete(path)


@_disk_command("url")
@click.argument("path")
@click.option("--expires", default=3600, show_default=True, help="Seconds it is good for.")
@click.option("--public", is_flag=True, help="The URL for everybody, without an end.")
def url(disk: Disk, path: str, expires: int, public: bool) -> None:
    """Print a URL to read PATH with."""
    if disk.missing(path):
        raise click.ClickException(f"there is no file {path!r} on the disk {disk.name!r}")
    click.echo(disk.url(path) if public else disk.temporary_url(path, expires))


@_disk_command("tidy")
@click.option("--older", default=_DAY, show_default=True, help="Seconds since it was begun.")
def tidy(disk: Disk, older: int) -> None:
    """Remove what killed processes left of writes that never ended."""
    removed = disk.driver.tidy(older)
    click.echo(f"Removed {removed} {'remainder' if removed == 1 else 'remainders'}.")


def _disks() -> Disks:
    disks: Disks | None = current_app.extensions.get("rf_storage")
    if disks is None:
        raise click.ClickException("storage is not set up on this app; add Storage(app)")
    return disks


def _line(info: FileInfo, path: str) -> str:
    date = f"{info.last_modified:%Y-%m-%d %H:%M:%S}"
    return _columns(f"{info.size:,}", date, info.mime_type, path)


def _columns(size: str, date: str, kind: str, path: str) -> str:
    return f"{size:>14}  {date:19}  {kind:24}  {path}"


def _size_of(file: BinaryIO) -> int | None:
    with suppress(OSError):  # a pipe cannot tell, nor what stands for one
        status = os.fstat(file.fileno())
        return status.st_size if stat.S_ISREG(status.st_mode) else None
    return None


def _said(error: OSError) -> str:
    if isinstance(error, FileExistsError):
        return f"there is a file {error.filename!r} here already; --force replaces it"
    return f"{error.filename!r}: {error.strerror}" if error.filename else str(error)


@contextmanager
def _bar(size: int | None, label: str) -> Iterator[Callable[[int, int | None], None]]:
    """A progress bar on the standard error, which a pipe does not take for content."""
    if size is None:
        yield lambda done, total: None
        return
    with click.progressbar(length=size, label=label, file=sys.stderr) as bar:
        yield lambda done, total: bar.update(done - bar.pos)


@contextmanager
def _output(name: str, force: bool) -> Iterator[IO[bytes]]:
    """Where a file goes; a half-written one is gone, and what it was to replace stays."""
    is_device = os.path.exists(name) and not os.path.isfile(name)
    if name == "-" or (force and is_device):
        with click.open_file(name, "wb") as output:
            yield output
        return
    target = os.path.realpath(name) if os.path.islink(name) else name
    written = f"{target}.{secrets.token_hex(4)}.part" if force else target
    with open(written, "xb") as output:
        try:
            yield output
        except BaseException:
            os.unlink(written)
            raise
    os.replace(written, target)
