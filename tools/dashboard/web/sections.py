"""Parts of a page that are read at once, and fail each by itself."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Any

log = logging.getLogger(__name__)

SECTION_TIMEOUT = 10.0


@dataclass(frozen=True)
class PageSection:
    """What a part of a page shows: its content, or why there is none."""

    content: Any = None
    fault: str = ""


async def read_sections(**parts: Awaitable[Any]) -> dict[str, PageSection]:
    """Read all parts at once; one that fails, or takes too long, has a fault instead."""
    found = await asyncio.gather(*(_read(name, part) for name, part in parts.items()))
    return dict(zip(parts, found, strict=True))


async def _read(name: str, part: Awaitable[Any]) -> PageSection:
    try:
        return PageSection(await asyncio.wait_for(part, SECTION_TIMEOUT))
    except TimeoutError:
        return PageSection(fault=f"No answer within {SECTION_TIMEOUT:.0f} s.")
    except Exception as error:
        log.exception("a part of a page failed: %s", name)
        return PageSection(fault=str(error) or type(error).__name__)
