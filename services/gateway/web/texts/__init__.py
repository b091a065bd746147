"""The texts of the web app, in one catalogue a language: `en.json`.

A text is a string with `{name}` for what is filled in, or the forms `one` and `other` that `count`
chooses between. Keys that begin with `js.` are for scripts; `/static/…/texts.js` has them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_CATALOGUES = Path(__file__).parent


class Texts:
    """The catalogue of a language. Raises `KeyError` for a text that does not exist."""

    def __init__(self, language: str = "en") -> None:
        self.language = language
        self._texts: Mapping[str, Any] = json.loads((_CATALOGUES / f"{language}.json").read_text())

    @property
    def keys(self) -> frozenset[str]:
        """The keys of all texts."""
        return frozenset(self._texts)

    def __call__(self, key: str, **filled: Any) -> str:
        """A text. `count` chooses its form."""
        text = self._texts[key]
        if isinstance(text, dict):
            text = text["one" if filled.get("count") == 1 else "other"]
        return str(text.format(**filled)) if filled else str(text)

    def for_scripts(self) -> bytes:
        """The texts of scripts, as an ES module."""
        texts = {key[3:]: text for key, text in self._texts.items() if key.startswith("js.")}
        return b"export default " + json.dumps(texts, ensure_ascii=False).encode() + b";\n"
