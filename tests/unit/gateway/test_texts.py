"""The catalogue of texts: nothing is missing, nothing is left over."""

from __future__ import annotations

import ast
import json
import re
from collections import Counter
from pathlib import Path

import pytest

from services.gateway.web.texts import Texts

_WEB = Path(__file__).parents[3] / "services/gateway/web"
_TEMPLATES = "".join(path.read_text() for path in _WEB.glob("templates/**/*.html"))
_MODULES = "".join(path.read_text() for path in _WEB.glob("*.py"))
_SCRIPTS = "".join(path.read_text() for path in _WEB.glob("static/*.js"))

_LITERAL = re.compile(r"""(?:\bt\(|\btexts\(|\bif [\w. ]+ else )\s*["']([\w.-]+)["']""")
_PREFIX = re.compile(r"""(?:\bt\(|\btexts\()f?["']([\w-]+(?:\.[\w-]+)*\.)(?:["'] ~|\{)""")
_SCRIPT_LITERAL = re.compile(r"""(?:texts\[|counted\()\s*["']([\w.-]+)["']""")


def _read(path: Path) -> str:
    return path.read_text().replace("\n", " ")


def used_keys() -> set[str]:
    found = _LITERAL.findall(_TEMPLATES + _MODULES)
    return {key for key in found if "." in key and not key.endswith(".")}


def test_every_key_is_there_once() -> None:
    """The later one of two would silently take the place of the other."""
    twice: list[str] = []

    def members(pairs: list[tuple[str, object]]) -> dict[str, object]:
        twice.extend(key for key, times in Counter(key for key, _ in pairs).items() if times > 1)
        return dict(pairs)

    json.loads((_WEB / "texts/en.json").read_text(), object_pairs_hook=members)
    assert not twice


def test_every_text_of_a_template_exists() -> None:
    assert not {key for key in used_keys() if key not in Texts().keys}


def test_templates_have_no_texts_of_their_own() -> None:
    """Between tags, and in attributes that people read, there is only what the catalogue gives."""
    left = set()
    for path in _WEB.glob("templates/**/*.html"):
        html = re.sub(r"{#.*?#}|{{.*?}}|{% block kind %}.*?{% endblock %}|{%.*?%}", "", _read(path))
        read = re.findall(r'(?:title|alt|aria-label|placeholder)="([^"]*)"', html)
        text = re.sub(r"<[^>]*>|&\w+;", " ", html)
        left |= {(path.name, word) for word in re.findall(r"[A-Za-z]{2,}", " ".join([*read, text]))}
    assert {word for _, word in left} <= {"ALT", "UTC"}, left


def test_modules_have_no_sentences_of_their_own() -> None:
    """Beside their docstrings."""
    left = set()
    for path in _WEB.glob("*.py"):
        tree = ast.parse(path.read_text())
        said = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        left |= {
            (path.name, node.value)
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and id(node) not in said
            if isinstance(node.value, str) and re.fullmatch(r"[A-Z]\w* .*[.]", node.value)
        }
    assert not left


def test_every_text_of_a_script_exists() -> None:
    keys = {f"js.{key}" for key in _SCRIPT_LITERAL.findall(_SCRIPTS)}
    known = Texts().keys | {key.removesuffix(".other") for key in Texts().keys}
    assert not keys - known


def test_no_text_is_left_over() -> None:
    prefixes = tuple(_PREFIX.findall(_TEMPLATES + _MODULES))
    assert prefixes
    everything = _TEMPLATES + _MODULES + _SCRIPTS
    left = {
        key
        for key in Texts().keys
        if not key.startswith((*prefixes, "js.keys."))
        and f'"{key}"' not in everything
        and f'"{re.sub(r"^js[.]|[.](one|other)$", "", key)}"' not in everything
    }
    assert not left


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 pictures"), (1, "1 picture"), (2, "2 pictures")]
)
def test_a_count_chooses_the_form(count: int, text: str) -> None:
    assert Texts()("pictures.label", count=count) == text


def test_scripts_get_their_texts_only() -> None:
    module = Texts().for_scripts().decode()
    assert module.startswith('export default {"')
    assert "front.title" not in module
