"""Generates the Python messages of `proto/`, for services that speak gRPC."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

_REPO = Path(__file__).parents[2]
SOURCES = _REPO / "proto"
FOLDER = _REPO / "services" / "contracts" / "protobuf"


def modules() -> Mapping[Path, str]:
    """Return every generated file. Names of `.proto` files are unique, so packages are no folders.

    Raises `RuntimeError` if the compiler refuses a file; it says why on standard error.
    """
    from grpc_tools import protoc

    sources = sorted(SOURCES.rglob("*.proto"))
    with tempfile.TemporaryDirectory() as folder:
        options = [f"-I{SOURCES}", f"--python_out={folder}", f"--pyi_out={folder}"]
        if protoc.main(["protoc", *options, *map(str, sources)]) != 0:
            raise RuntimeError("protoc failed.")
        made = [path for path in Path(folder).rglob("*") if path.is_file()]
        return {FOLDER / path.name: path.read_text() for path in sorted(made)}


def stale() -> list[str]:
    """Return the files that are missing, out of date, or made of a `.proto` that is gone."""
    wanted = modules()
    there = set(FOLDER.glob("*_pb2.py*"))
    return sorted(
        path.relative_to(_REPO).as_posix()
        for path in there | wanted.keys()
        if path not in wanted or path not in there or path.read_text() != wanted[path]
    )


def write() -> None:
    """Write all files, and remove those that nothing makes any more."""
    wanted = modules()
    for path in FOLDER.glob("*_pb2.py*"):
        path.unlink()
    for path, text in wanted.items():
        path.write_text(text)
