"""JUnit reports of several test runs, of which each would overwrite the one before."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree as ET


class JunitReport:
    """The file that the arguments of pytest name, if they do, and a part of it for each run."""

    def __init__(self, arguments: Sequence[str]) -> None:
        parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
        parser.add_argument("--junitxml", "--junit-xml", type=Path, dest="file")
        given, self._others = parser.parse_known_args([*arguments])
        self._file: Path | None = given.file
        self._parts: list[Path] = []

    def arguments(self) -> list[str]:
        """Return the arguments of the next run."""
        if self._file is None:
            return self._others
        part = self._file.with_suffix(f".part{len(self._parts) + 1}{self._file.suffix}")
        part.unlink(missing_ok=True)
        self._parts.append(part)
        return [*self._others, f"--junitxml={part}"]

    def write(self) -> None:
        """Put the reports of all runs into the file; one that did not begin has none."""
        parts = [part for part in self._parts if part.exists()]
        if self._file is None or not parts:
            return
        whole = ET.Element("testsuites", name="pytest tests")
        for part in parts:
            whole.extend(ET.parse(part).getroot())  # noqa: S314 (pytest has just written it)
            part.unlink()
        ET.ElementTree(whole).write(self._file, encoding="utf-8", xml_declaration=True)
