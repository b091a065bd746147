"""The files of pictures: copied beside documents that change meanwhile.

A file is written before the document that names it, and never changed. It is deleted after that
document. So all that the documents of one instant name is among the files that were there before
that instant, or were written until then. Hard links keep those that are deleted meanwhile.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import yaml

from tools.runner.config.components import load_set, relocated
from tools.runner.config.paths import RunDir
from tools.runner.errors import RunnerError

_COMPONENT = "blobs"


def picture_folder(run: RunDir, owner: str = "media") -> Path:
    """Return the folder that the sidecar of `owner` writes to.

    Raises RunnerError if pictures are not in files.
    """
    path = run.components / owner / f"component-{_COMPONENT}.yaml"
    spec = yaml.safe_load(path.read_text())["spec"]
    return _root(spec)


def new_picture_folder(set_name: str, run: RunDir) -> Path:
    """Return the folder that a component set would use in a new run directory."""
    (document,) = (each for each in load_set(set_name) if each["metadata"]["name"] == _COMPONENT)
    return _root(relocated(document, run)["spec"])


def _root(spec: dict[str, object]) -> Path:
    if spec["type"] != "bindings.localstorage":
        raise RunnerError(f"pictures are in {spec['type']}, which the runner cannot copy")
    metadata = spec["metadata"]
    assert isinstance(metadata, list)  # noqa: S101 (for mypy: checked when it was rendered)
    return Path(next(str(item["value"]) for item in metadata if item["name"] == "rootPath"))


def link_pictures(source: Path, target: Path) -> None:
    """Link all files of a folder into another one, except those that are there already."""
    for path in source.rglob("*"):
        link = target / path.relative_to(source)
        if path.is_file() and not link.exists():
            link.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with contextlib.suppress(FileNotFoundError):  # deleted in this moment
                _link(path, link)


def _link(path: Path, link: Path) -> None:
    try:
        os.link(path, link)
    except OSError as error:
        if error.errno not in (errno.EXDEV, errno.EPERM, errno.EMLINK):
            raise
        shutil.copy2(path, link)  # pictures are on another file system


def pictures_until(folder: Path, moment: float) -> Iterator[tuple[str, Path]]:
    """Yield name and path of the files that were complete at a moment (seconds since 1970).

    Later ones, or those that were being written, belong to no document of that moment.
    """
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.stat().st_mtime <= moment:
            yield str(path.relative_to(folder)), path


def folder_size(folder: Path) -> int:
    """Return the bytes of all files."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
