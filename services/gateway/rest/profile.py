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
from services.gateway.application.registration import new_registration, validation_error
from services.gateway.container import Gateway
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
        """Register somebody, and get a token for them. Needs the token of an app."""
        form = new_registration(await read_params(request))
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
        """Whose token this is: the only thing that the scope `profile` is good for."""
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
        """Change parts of one's own profile."""
        async with params_with_files(request, files=2) as body:
            return await _update_profile(gateway, caller, _profile_changes(body))

    @router.delete("/profile/{kind}", responses=responses(description="A CredentialAccount."))
    async def remove_portrait(kind: str, caller: AccountWriter) -> OrjsonResponse:
        """Go back to the default picture: `kind` is `avatar` or `header`."""
        if kind not in ("avatar", "header"):
            raise NotFound("Record not found")
        return await _update_profile(gateway, caller, {kind: ""})

    @router.get("/emails/check_confirmation", responses=responses(True, "Addresses need no proof."))
    async def check_confirmation(_: AccountReader) -> OrjsonResponse:
        """Whether one's address is confirmed, which clients wait for after a registration."""
        return OrjsonResponse(True)

    @router.get("/preferences", responses=responses(description="Preferences."))
    async def preferences(caller: AccountReader) -> OrjsonResponse:
        """What somebody prefers, as their profile says."""
        row = await gateway.services.users.own_account(caller)
        return OrjsonResponse(people.preferences(Account.model_validate(row)))

    return router


def _credential_account(gateway: Gateway, row: OwnAccountJson) -> dict[str, Any]:
    return people.credential_account(OwnAccount.model_validate(row), gateway.urls, gateway.html)


async def _update_profile(
    gateway: Gateway, caller: Caller, changes: dict[str, Any]
) -> OrjsonResponse:
    for kind in ("avatar", "header"):
        if changes.get(kind):
            changes[kind] = await gateway.uploads.upload_profile_image(caller, kind, changes[kind])
    row = await gateway.services.users.update_profile(cast(EditedProfileJson, changes), caller)
    return OrjsonResponse(_credential_account(gateway, row))


def _profile_changes(body: RequestParams) -> dict[str, Any]:
    """What of a profile is to change. Pictures are uploads still."""
    source = body.nested("source")
    fields = body.objects("fields_attributes")
    wanted: dict[str, Any] = {
        "display_name": body.optional_string("display_name"),
        "note": body.optional_string("note"),
        "locked": body.boolean("locked"),
        "bot": body.boolean("bot"),
        "discoverable": body.boolean("discoverable"),
        "default_visibility": source.optional_string("privacy"),
        "default_sensitive": source.boolean("sensitive"),
        "default_language": "" if source.get("language") == "" else source.language("language"),
        "fields": None
        if fields is None
        else [{"name": field.string("name"), "value": field.string("value")} for field in fields],
        "avatar": body.file("avatar"),
        "header": body.file("header"),
    }
    return {name: value for name, value in wanted.items() if value is not None}
