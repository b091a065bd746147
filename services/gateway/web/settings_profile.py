"""The settings of the profile: names, texts and pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, cast

from fastapi import APIRouter, Request, Response

from services.chassis.errors import PreconditionFailed, ServiceError, Unauthenticated
from services.chassis.security.caller import Caller
from services.clients.json_types.accounts import EditedProfileJson, ProfileValuesJson
from services.contracts import limits
from services.contracts.accounts import OwnAccount, Profile
from services.gateway.application.failures import log_failure
from services.gateway.container import Gateway
from services.gateway.http.errors import public_message, public_status
from services.gateway.http.params import RequestParams
from services.gateway.http.reading import params_with_files
from services.gateway.presentation.entities import people
from services.gateway.web.renderer import PageRenderer
from services.gateway.web.settings_forms import Saved, fingerprint, saved
from services.gateway.web.texts import Texts
from services.gateway.web.viewer import SignedIn
from services.shared.text import count, graphemes

_PATH = "/settings/profile"
_PICTURES = ("avatar", "header")


@dataclass(frozen=True, slots=True)
class ProfileForm:
    """The texts of a profile, as typed."""

    display_name: str
    note: str
    fields: Sequence[tuple[str, str]]

    @classmethod
    def of_profile(cls, profile: Profile) -> ProfileForm:
        """The texts that are saved."""
        rows = [(field.name, field.value) for field in profile.fields]
        return cls(profile.display_name, profile.note, rows)

    @classmethod
    def of_form(cls, form: RequestParams) -> ProfileForm:
        """The texts that were sent. Raises `Invalid` for a form that is none of ours."""
        rows = (form.objects("fields") or [])[: limits.MAX_PROFILE_FIELDS]
        fields = [(row.string("name").strip(), row.string("value").strip()) for row in rows]
        note = form.string("note").replace("\r\n", "\n").strip()
        typed = [row for row in fields if any(row)]
        return cls(form.string("display_name").strip(), note, typed)

    def faults(self, texts: Texts) -> dict[str, str]:
        """What is too long, by the name of the field."""
        name = "display_name", graphemes(self.display_name), limits.MAX_DISPLAY_NAME_CHARACTERS
        note = "note", count(self.note), limits.MAX_NOTE_CHARACTERS
        most = limits.MAX_PROFILE_FIELD_CHARACTERS
        cells = [
            (f"fields[{row}][{part}]", graphemes(text), most)
            for row, pair in enumerate(self.fields)
            for part, text in zip(("name", "value"), pair, strict=True)
        ]
        return {
            field: texts("settings.too_long", length=length, most=limit)
            for field, length, limit in (name, note, *cells)
            if length > limit
        }

    def values(self) -> ProfileValuesJson:
        """The texts as the users service takes them."""
        return {
            "display_name": self.display_name,
            "note": self.note,
            "fields": [{"name": name, "value": value} for name, value in self.fields],
        }


def create_router(gateway: Gateway, pages: PageRenderer) -> APIRouter:
    """The page, and its form."""
    router = APIRouter(tags=["pages"], route_class=pages.route_class(), include_in_schema=False)
    page = _ProfilePage(gateway, pages)
    router.add_api_route(_PATH, page.get, methods=["GET"], response_model=None)
    router.add_api_route(_PATH, page.post, methods=["POST"], response_model=None)
    return router


class _ProfilePage:
    """The handlers of the page."""

    def __init__(self, gateway: Gateway, pages: PageRenderer) -> None:
        self._gateway = gateway
        self._pages = pages

    async def get(self, viewer: SignedIn, saved: Saved = "") -> Response:
        """The form with what is saved."""
        own = await own_account(self._gateway, viewer)
        return self._form(viewer, own, ProfileForm.of_profile(own.profile), saved=saved)

    async def post(self, request: Request, viewer: SignedIn) -> Response:
        """Save the profile, or show the form again.

        Pictures are saved in any case, since browsers forget the files of a form that is shown
        again.
        """
        async with params_with_files(request, files=2, truncate=True) as body:
            typed = ProfileForm.of_form(body)
            own = await own_account(self._gateway, viewer)
            before = ProfileForm.of_profile(own.profile)
            is_outdated = typed != before and body.string("seen") != fingerprint(asdict(before))
            faults = typed.faults(self._pages.texts)
            pictures, wrong_pictures = await self._pictures(viewer, body)
        changes = pictures
        if not (faults or is_outdated):
            changes = {**pictures, **typed.values(), "expected": before.values()}
        faults |= wrong_pictures
        try:
            if changes:
                row = await self._gateway.services.users.update_profile(changes, viewer)
                own = OwnAccount.model_validate(row)
        except Unauthenticated:
            raise
        except PreconditionFailed:  # another window was faster
            row = await self._gateway.services.users.update_profile(pictures, viewer)
            is_outdated, own = True, OwnAccount.model_validate(row)
        except ServiceError as failure:
            log_failure(failure)
            error, status = public_message(failure), public_status(failure.status)
            return self._form(viewer, own, typed, status=status, faults=faults, error=error)
        if is_outdated:
            error = self._pages.texts("settings.changed_elsewhere")
            return self._form(
                viewer, own, typed, status=409, faults=faults, error=error, is_outdated=True
            )
        return self._form(viewer, own, typed, status=422, faults=faults) if faults else saved(_PATH)

    async def _pictures(
        self, viewer: Caller, body: RequestParams
    ) -> tuple[EditedProfileJson, dict[str, str]]:
        """The changes of the pictures, which are uploaded, and what is wrong with them."""
        changes: dict[str, Any] = {}
        faults = {}
        for kind in _PICTURES:
            if body.boolean(f"remove_{kind}"):
                changes[kind] = ""
            try:
                if file := body.file(kind):
                    name = await self._gateway.uploads.upload_profile_image(viewer, kind, file)
                    changes[kind] = name
            except Unauthenticated:
                raise
            except ServiceError as failure:
                log_failure(failure)
                faults[kind] = public_message(failure)
        return cast(EditedProfileJson, changes), faults

    def _form(
        self,
        viewer: Caller,
        own: OwnAccount,
        typed: ProfileForm,
        *,
        status: int = 200,
        faults: Mapping[str, str] | None = None,
        error: str = "",
        is_outdated: bool = False,
        saved: Saved = "",
    ) -> Response:
        kept = ProfileForm.of_profile(own.profile)
        blank = [("", "")] * (limits.MAX_PROFILE_FIELDS - len(typed.fields))
        return self._pages.render(
            "settings_profile",
            viewer=viewer,
            status=status,
            account=people.account(own, self._gateway.urls, self._gateway.html),
            has={kind: bool(getattr(own.profile, kind)) for kind in _PICTURES},
            typed=typed,
            rows=[*typed.fields, *blank],
            kept=kept if is_outdated else None,
            seen=fingerprint(asdict(kept)),
            faults=faults or {},
            error=error,
            saved=saved,
        )


async def own_account(gateway: Gateway, viewer: Caller) -> OwnAccount:
    """The viewer's account as it is saved."""
    return OwnAccount.model_validate(await gateway.services.users.own_account(viewer))
