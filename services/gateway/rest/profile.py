"""The caller's own account: registration, profile and preferences."""

from __future__ import annotations

from typing import Annotated, Any, cast

from fastapi import APIRouter, Depends, Request

from services.chassis.errors import NotFound, ServiceError
from services.chassis.http.responses import OrjsonResponse
from services.chassis.security.caller import Caller
from services.chassis.security.guards import require_token, require_user
from services.clients.json_types.accounts import EditedProfileJson, OwnAccountJson
from services.contracts.accounts import Account, OwnAccount
from services.gateway.application.profile_changes import profile_changes
from services.gateway.application.registration import new_registration, validation_error
from services.gateway.container import Gateway
from services.gateway.http.body import MAX_CREDENTIAL_BYTES
from services.gateway.http.openapi import FILE_SCHEMA, array_of, request_body, responses
from services.gateway.http.params import RequestParams
from services.gateway.http.reading import params_with_files, read_params
from services.gateway.presentation.entities import apps, people
from services.gateway.rest.dependencies import AccountReader, AccountWriter


def create_router(gateway: Gateway) -> APIRouter:
    """Routes about the caller's own account."""
    router = APIRouter(prefix="/api/v1", tags=["accounts"])

    @router.post(
        "/accounts",
        openapi_extra=request_body(
            username="string",
            email="string",
            password="string",  # noqa: S106 (a type)
            agreement="boolean",
            locale="string",
            example={
                "username": "ada",
                "email": "ada@example.org",
                "password": "correct horse battery",
                "agreement": True,
                "locale": "en",
            },
        ),
        responses=responses({"access_token": "eyJ…", "token_type": "Bearer"}, "A Token."),
    )
    async def register(
        request: Request, caller: Annotated[Caller, Depends(require_token("write:accounts"))]
    ) -> OrjsonResponse:
        """Register an account, and get its token. Requires the token of an app."""
        user_agent = request.headers.get("user-agent", "")
        form = new_registration(await read_params(request, most=MAX_CREDENTIAL_BYTES), user_agent)
        try:
            made = await gateway.services.auth.register(form, caller)
        except ServiceError as failure:
            raise validation_error(failure) from failure
        if made.token is None:
            raise TypeError("The auth service returned no token for a registration by an app.")
        return OrjsonResponse(apps.token(made.token))

    @router.get(
        "/accounts/verify_credentials", responses=responses(description="A CredentialAccount.")
    )
    async def verify_credentials(
        caller: Annotated[Caller, Depends(require_user("read:accounts", "profile"))],
    ) -> OrjsonResponse:
        """The account of the token. The scope `profile` covers only this route."""
        return OrjsonResponse(
            _credential_account(gateway, await gateway.services.users.own_account(caller))
        )

    @router.patch(
        "/accounts/update_credentials",
        openapi_extra=request_body(
            display_name="string",
            note="string",
            avatar=FILE_SCHEMA,
            header=FILE_SCHEMA,
            locked="boolean",
            bot="boolean",
            discoverable="boolean",
            fields_attributes=array_of("object"),
            source="object",
            example={"display_name": "Ada", "note": "I photograph bridges. #bridges"},
        ),
        responses=responses(description="A CredentialAccount."),
    )
    async def update_credentials(request: Request, caller: AccountWriter) -> OrjsonResponse:
        """Change parts of the caller's profile."""
        async with params_with_files(request, files=2) as body:
            changes = await _profile_changes(gateway, caller, body)
            return await _update_profile(gateway, caller, changes)

    @router.delete("/profile/{kind}", responses=responses(description="A CredentialAccount."))
    async def remove_portrait(kind: str, caller: AccountWriter) -> OrjsonResponse:
        """Remove the avatar or the header: `kind` is `avatar` or `header`."""
        if kind not in ("avatar", "header"):
            raise NotFound("Record not found")
        return await _update_profile(gateway, caller, cast(EditedProfileJson, {kind: ""}))

    @router.get(
        "/emails/check_confirmation",
        responses=responses(True, "E-mail addresses need no confirmation."),
    )
    async def check_confirmation(_: AccountReader) -> OrjsonResponse:
        """Whether the e-mail address is confirmed, which clients poll after a registration."""
        return OrjsonResponse(True)

    @router.get("/preferences", responses=responses(description="Preferences."))
    async def preferences(caller: AccountReader) -> OrjsonResponse:
        """The caller's preferences."""
        row = await gateway.services.users.own_account(caller)
        return OrjsonResponse(people.preferences(Account.model_validate(row)))

    return router


def _credential_account(gateway: Gateway, row: OwnAccountJson) -> dict[str, Any]:
    return people.credential_account(OwnAccount.model_validate(row), gateway.urls, gateway.html)


async def _update_profile(
    gateway: Gateway, caller: Caller, changes: EditedProfileJson
) -> OrjsonResponse:
    row = await gateway.services.users.update_profile(changes, caller)
    return OrjsonResponse(_credential_account(gateway, row))


async def _profile_changes(
    gateway: Gateway, caller: Caller, body: RequestParams
) -> EditedProfileJson:
    """The changes of a request. Its pictures are uploaded."""
    source, fields = body.nested("source"), body.objects("fields_attributes")
    changes = profile_changes(
        display_name=body.optional_string("display_name"),
        note=body.optional_string("note"),
        locked=body.boolean("locked"),
        bot=body.boolean("bot"),
        discoverable=body.boolean("discoverable"),
        default_visibility=source.optional_string("privacy"),
        default_sensitive=source.boolean("sensitive"),
        default_language=source.get("language"),
        fields=None
        if fields is None
        else [(field.string("name"), field.string("value")) for field in fields],
    )
    avatar, header = body.file("avatar"), body.file("header")
    if avatar:
        changes["avatar"] = await gateway.uploads.upload_profile_image(caller, "avatar", avatar)
    if header:
        changes["header"] = await gateway.uploads.upload_profile_image(caller, "header", header)
    return changes
