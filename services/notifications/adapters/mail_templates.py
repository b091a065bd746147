"""Loads the templates of mails."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

_ENVIRONMENT = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    trim_blocks=True,
    keep_trailing_newline=True,
    undefined=StrictUndefined,
)


def load_template(name: str) -> Template:
    """Return a template of this folder. Values are escaped, and one that is missing raises."""
    return _ENVIRONMENT.get_template(name)
