"""Normalizes the language tags of clients."""

from __future__ import annotations

import re

_TAG = re.compile(r"([A-Za-z]{2,3})((?:-[A-Za-z0-9]{2,8}){0,3})")
_FIRST = re.compile(r"([A-Za-z]{2,3})()(?![A-Za-z0-9])")
_CODES = {
    "a": "abefkmnrsvyz",
    "b": "aeghimnors",
    "c": "aehorsuvy",
    "d": "aevz",
    "e": "elnostu",
    "f": "afijory",
    "g": "adlnuv",
    "h": "aeiortuyz",
    "i": "adegiknostuw",
    "j": "aiv",
    "k": "agijklmnorsuvwy",
    "l": "abginotuv",
    "m": "ghiklnorsty",
    "n": "abdeglnorvy",
    "o": "cjmrs",
    "p": "ailst",
    "q": "u",
    "r": "mnouw",
    "s": "acdeghiklmnoqrstuvw",
    "t": "aeghiklnorstwy",
    "u": "gkrz",
    "v": "eio",
    "w": "ao",
    "x": "h",
    "y": "io",
    "z": "ahu",
}
"""Second letters by the first: ISO 639-1, with four former codes that Java still writes.

There are thousands of codes with three letters (ISO 639-3); all but `_NONE` are accepted.
"""

_NONE = frozenset({"mis", "mul", "und", "zxx"})  # ISO 639-3: uncoded, many, undetermined, none


def language_code(tag: str | None) -> str | None:
    """A language tag (BCP 47) in its usual spelling, or `None` if it names no language.

    A tag with more than language, script and region, such as a device setting
    (`en-US-u-mu-celsius`, `pt_BR.UTF-8`), is reduced to the language, as Mastodon does.
    """
    text = (tag or "").strip()[:100]
    match = _TAG.fullmatch(text.replace("_", "-")) or _FIRST.match(text)
    if match is None:
        return None
    code = match[1].lower()
    if code in _NONE or (len(code) == 2 and code[1] not in _CODES.get(code[0], "")):
        return None
    return code + match[2]
