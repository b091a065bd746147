"""What is kept of the spans of sidecars.

daprd puts the path of each call into them, with queries, and with ids and keys of the state store,
of which some are names of people. It has no setting for that.
"""

from __future__ import annotations

import re
from typing import Any

_DROPPED = ("url.full", "db.statement", "db.connection_string", "server.address", "server.port")
_PRIVATE_ENDS = (
    re.compile(r"(/v1\.0/state/[^/]+/[^:?]*).*", re.DOTALL),
    re.compile(r"(/v1\.0/invoke/[^/]+/method/[^/?]*).*", re.DOTALL),
    re.compile(r"(CallLocal/[^/]+/[^/?]*).*", re.DOTALL),
)
"""What follows the kind of a key, or the first segment of a path."""


def without_private_parts(name: str, attributes: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return the name and the attributes of a sidecar's span without ids, keys and queries."""
    kept = {key: value for key, value in attributes.items() if key not in _DROPPED}
    if isinstance(api := kept.get("dapr.api"), str):
        kept["dapr.api"] = _shortened(api)
    if isinstance(method := kept.get("dapr.invoke_method"), str):
        kept["dapr.invoke_method"] = method.lstrip("/").partition("/")[0]
    return _shortened(name), kept


def _shortened(text: str) -> str:
    for pattern in _PRIVATE_ENDS:
        text = pattern.sub(r"\1", text)
    return text
