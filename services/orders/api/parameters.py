"""The guards that several routes of orders share."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends

from services.chassis.security.caller import Caller
from services.chassis.security.guards import require_user

Reader = Annotated[Caller, Depends(require_user("read:shop"))]
Writer = Annotated[Caller, Depends(require_user("write:shop"))]
