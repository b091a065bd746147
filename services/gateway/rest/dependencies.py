"""Parameters and guards that several REST routes share."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Path

from services.chassis.security.caller import Caller
from services.chassis.security.guards import optional_user, require_user

Id = Annotated[str, Path(examples=["114000000000000000"])]

AccountReader = Annotated[Caller, Depends(require_user("read:accounts"))]
AccountWriter = Annotated[Caller, Depends(require_user("write:accounts"))]
OptionalAccountReader = Annotated[Caller | None, Depends(optional_user("read:accounts"))]

StatusReader = Annotated[Caller, Depends(require_user("read:statuses"))]
StatusWriter = Annotated[Caller, Depends(require_user("write:statuses"))]
OptionalStatusReader = Annotated[Caller | None, Depends(optional_user("read:statuses"))]

FollowReader = Annotated[Caller, Depends(require_user("read:follows"))]
FollowWriter = Annotated[Caller, Depends(require_user("write:follows"))]

NotificationReader = Annotated[Caller, Depends(require_user("read:notifications"))]
NotificationWriter = Annotated[Caller, Depends(require_user("write:notifications"))]
