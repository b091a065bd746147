"""Style sheets and scripts, in memory.

They are served below an address that changes with their content, so browsers keep them for ever.
"""

from __future__ import annotations

import hashlib
import re
from functools import cached_property
from pathlib import Path

from fastapi import Response

from services.chassis.errors import NotFound
from services.gateway.web.texts import Texts

FOR_A_DAY = {"cache-control": "public, max-age=86400"}
FOR_EVER = {"cache-control": "public, max-age=31536000, immutable"}

_FILES = Path(__file__).parent / "static"
_MEDIA_TYPES = {".css": "text/css", ".js": "text/javascript"}

_IMPORT = re.compile(r"""^(?:import|export) [^"]*"\./([\w-]+\.js)";""", re.MULTILINE)


class StaticFiles:
    """The files in `static/`, in memory, and the texts of scripts."""

    def __init__(self, texts: Texts) -> None:
        self._texts = texts
        self._files = {
            path.name: (path.read_bytes(), _MEDIA_TYPES[path.suffix])
            for path in sorted(_FILES.iterdir())
            if path.suffix in _MEDIA_TYPES
        }
        self._files["texts.js"] = texts.for_scripts(), _MEDIA_TYPES[".js"]

    @cached_property
    def version(self) -> str:
        """A hash of all files."""
        digest = hashlib.sha256()
        for name, (content, _) in sorted(self._files.items()):
            digest.update(name.encode() + b"\0" + content)
        return digest.hexdigest()[:12]

    def address(self, name: str) -> str:
        """The address of a file. Raises `KeyError` if it does not exist."""
        self._files[name]
        return f"/static/{self.version}/{name}"

    def modules(self, name: str) -> list[str]:
        """The addresses of all modules that a module loads: browsers ask for them at once."""
        found: dict[str, None] = {}

        def visit(each: str) -> None:
            for other in _IMPORT.findall(self._files[each][0].decode()):
                if other not in found:
                    found[other] = None
                    visit(other)

        visit(name)
        return [self.address(each) for each in found]

    def response(self, version: str, name: str) -> Response:
        """A file, also under the version of an older page. Raises `NotFound`."""
        found = self._files.get(name)
        if found is None:
            raise NotFound(self._texts("error.404.text"))
        headers = FOR_EVER if version == self.version else FOR_A_DAY
        return Response(found[0], media_type=found[1], headers=headers)
