"""How a finished picture crosses the pipe: a line of JSON, then the bodies.

The child that writes it has decoded a stranger's bytes, so it is parsed and never unpickled.
"""

import json
from typing import get_args

from services.media.pictures.model import Code, PictureError, Processed, Rendition


def encode(result: Processed | PictureError) -> bytes:
    """Give the bytes of a result."""
    if isinstance(result, PictureError):
        return json.dumps({"code": result.code, "message": result.message}).encode() + b"\n"
    alone = result.small is result.original
    renditions = [result.original] if alone else [result.original, result.small]
    head = {
        "renditions": [[len(one.body), one.mime, one.width, one.height] for one in renditions],
        "blurhash": result.blurhash,
        "colour": result.colour,
    }
    return json.dumps(head).encode() + b"\n" + b"".join(one.body for one in renditions)


def decode(data: bytes) -> Processed:
    """Give the result again, or raise its PictureError.

    Raises ValueError, KeyError or TypeError for what `dump` never wrote.
    """
    line, _, bodies = data.partition(b"\n")
    head = json.loads(line)
    if "code" in head:
        raise _error(head)
    renditions = []
    for length, mime, width, height in head["renditions"]:
        renditions.append(Rendition(bodies[:length], str(mime), int(width), int(height)))
        bodies = bodies[length:]
    if not renditions or bodies:
        raise ValueError("the bodies are not as long as was said")
    return Processed(renditions[0], renditions[-1], str(head["blurhash"]), str(head["colour"]))


def _error(head: dict[str, object]) -> PictureError:
    for code in get_args(Code):
        if head["code"] == code:
            return PictureError(code, str(head["message"]))
    raise ValueError(f"no such error: {head['code']!r}")
