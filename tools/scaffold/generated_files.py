"""The files of a new service: templates with its names in them, formatted like all code."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from tools.runner.config.paths import REPO
from tools.runner.errors import RunnerError
from tools.scaffold.new_service import NewService

TEMPLATES = Path(__file__).parent / "templates"
_SUFFIX = ".jinja"
_OWN_PACKAGES = 'lint.isort.known-first-party = ["services", "tests"]'
"""What ruff cannot see where the files are not in the repository yet."""

_COLUMNS = re.compile(r"^(  \S.*?)  +(\S.*)$", re.MULTILINE)
_ONLY_WITH_TOPICS = "sources.py"


def render_files(new: NewService) -> dict[str, str]:
    """Return the text of each file of a new service, by its path in the repository."""
    environment = environment_of(TEMPLATES)
    files = {}
    for path in sorted(TEMPLATES.rglob(f"*.py{_SUFFIX}")):
        name = path.relative_to(TEMPLATES).as_posix()
        if new.subscribes or path.name != f"{_ONLY_WITH_TOPICS}{_SUFFIX}":
            target = name.replace("SERVICE", new.name).replace("NOUN", new.owns)
            files[target.removesuffix(_SUFFIX)] = environment.get_template(name).render(
                new.template_values()
            )
    return formatted(files)


def render_next_steps(new: NewService) -> str:
    """Return the page that says what to do next."""
    template = environment_of(TEMPLATES).get_template(f"next_steps.txt{_SUFFIX}")
    return aligned(template.render(new.template_values()))


def aligned(text: str) -> str:
    """Return a text whose second column begins at the same place in all lines that have one."""
    width = max(len(row[1]) for row in _COLUMNS.finditer(text))
    return _COLUMNS.sub(lambda row: f"{row[1]:<{width}}  {row[2]}", text)


def format_files(paths: Sequence[Path]) -> None:
    """Sort imports and format. Raises RunnerError where ruff is missing or refuses a file."""
    settings = ["--config", str(REPO / "pyproject.toml"), "--no-cache", "--quiet"]
    for command in (["check", "--select", "I", "--fix", "--config", _OWN_PACKAGES], ["format"]):
        done = subprocess.run(
            [str(Path(sys.executable).parent / "ruff"), *command, *settings, *map(str, paths)],
            cwd=REPO, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise RunnerError(f"ruff refuses what was written:\n{done.stdout}{done.stderr}")


def formatted(files: dict[str, str]) -> dict[str, str]:
    """Return files as `format_files` would leave them."""
    with tempfile.TemporaryDirectory() as folder:
        paths = {name: Path(folder) / name for name in files}
        for name, path in paths.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(files[name])
        format_files([*paths.values()])
        return {name: path.read_text() for name, path in paths.items()}


def environment_of(*folders: Path) -> Environment:
    """Return what renders the templates of some folders."""
    return Environment(
        loader=FileSystemLoader(folders),
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701  # it is no HTML
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
