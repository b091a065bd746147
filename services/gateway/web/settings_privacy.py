"""The settings of privacy, and what new posts begin with."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from fastapi import APIRouter, Request, Response

from services.chassis.errors import PreconditionFailed, ServiceError, Unauthenticated
from services.chassis.security.caller import Caller
from services.clients.json_types.accounts import EditedProfileJson, ProfileValuesJson
from services.contracts.accounts import OwnAccount, Profile
from services.gateway.application.failures import log_failure
from services.gateway.container import Gateway
from services.gateway.http.errors import public_message, public_status
from services.gateway.http.params import RequestParams
from services.gateway.http.reading import read_params
from services.gateway.web.renderer import PageRenderer
from services.gateway.web.settings_forms import Saved, fingerprint, saved
from services.gateway.web.settings_profile import own_account
from services.gateway.web.viewer import SignedIn
from services.shared.languages import language_code

_PATH = "/settings/privacy"

LANGUAGES = {
    "ar": "العربية",
    "zh": "中文",
    "cs": "Čeština",
    "da": "Dansk",
    "nl": "Nederlands",
    "en": "English",
    "fi": "Suomi",
    "fr": "Français",
    "de": "Deutsch",
    "el": "Ελληνικά",
    "he": "עברית",
    "hi": "हिन्दी",
    "id": "Bahasa Indonesia",
    "it": "Italiano",
    "ja": "日本語",
    "ko": "한국어",
    "no": "Norsk",
    "fa": "فارسی",
    "pl": "Polski",
    "pt": "Português",
    "ro": "Română",
    "ru": "Русский",
    "es": "Español",
    "sv": "Svenska",
    "tr": "Türkçe",
    "uk": "Українська",
    "vi": "Tiếng Việt",
}
"""Languages to choose from, by their own names. Apps can set any other one, which is kept."""


@dataclass(frozen=True, slots=True)
class PrivacyForm:
    """The fields of the form."""

    locked: bool
    discoverable: bool
    visibility: str
    sensitive: bool
    language: str

    @classmethod
    def of_profile(cls, profile: Profile) -> PrivacyForm:
        """What is saved."""
        return cls(
            locked=profile.locked,
            discoverable=profile.discoverable,
            visibility=profile.default_visibility,
            sensitive=profile.default_sensitive,
            language=profile.default_language,
        )

    @classmethod
    def of_form(cls, form: RequestParams) -> PrivacyForm:
        """What was sent: browsers leave out a box that is not ticked."""
        return cls(
            locked=bool(form.boolean("locked")),
            discoverable=bool(form.boolean("discoverable")),
            visibility=form.string("visibility"),
            sensitive=bool(form.boolean("sensitive")),
            language=language_code(form.string("language")) or "",
        )

    def values(self) -> ProfileValuesJson:
        """The fields as the users service takes them."""
        return {
            "locked": self.locked,
            "discoverable": self.discoverable,
            "default_visibility": self.visibility,
            "default_sensitive": self.sensitive,
            "default_language": self.language,
        }


def create_router(gateway: Gateway, pages: PageRenderer) -> APIRouter:
    """The page, and its form."""
    router = APIRouter(tags=["pages"], route_class=pages.route_class(), include_in_schema=False)

    def show(
        viewer: Caller,
        own: OwnAccount,
        typed: PrivacyForm,
        *,
        status: int = 200,
        error: str = "",
        saved: Saved = "",
    ) -> Response:
        return pages.render(
            "settings_privacy",
            viewer=viewer,
            status=status,
            typed=typed,
            languages=LANGUAGES | {typed.language: LANGUAGES.get(typed.language, typed.language)},
            seen=fingerprint(asdict(PrivacyForm.of_profile(own.profile))),
            error=error,
            saved=saved,
        )

    def outdated(viewer: Caller, own: OwnAccount, typed: PrivacyForm) -> Response:
        error = pages.texts("settings.changed_elsewhere")
        return show(viewer, own, typed, status=409, error=error)

    @router.get(_PATH)
    async def ask(viewer: SignedIn, saved: Saved = "") -> Response:
        """The form with what is saved."""
        own = await own_account(gateway, viewer)
        return show(viewer, own, PrivacyForm.of_profile(own.profile), saved=saved)

    @router.post(_PATH)
    async def save(request: Request, viewer: SignedIn) -> Response:
        """Save the settings, or show the form again."""
        body = await read_params(request)
        typed = PrivacyForm.of_form(body)
        own = await own_account(gateway, viewer)
        before = PrivacyForm.of_profile(own.profile)
        if typed != before and body.string("seen") != fingerprint(asdict(before)):
            return outdated(viewer, own, typed)
        changes: EditedProfileJson = {**typed.values(), "expected": before.values()}
        try:
            await gateway.services.users.update_profile(changes, viewer)
        except Unauthenticated:
            raise
        except PreconditionFailed:  # another window was faster
            return outdated(viewer, await own_account(gateway, viewer), typed)
        except ServiceError as failure:
            log_failure(failure)
            status = public_status(failure.status)
            return show(viewer, own, typed, status=status, error=public_message(failure))
        return saved(_PATH)

    return router
