"""The routes of media, on fakes: with a workshop that makes pictures of nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st

from services.chassis.errors import Invalid, NotFound
from services.chassis.ids import SnowflakeGenerator
from services.chassis.service import Service
from services.chassis.settings import Settings
from services.contracts import events, limits
from services.contracts.posts import Attachment
from services.media.app import create_app
from services.media.application.attachments import AttachmentService
from services.media.application.orphan_sweep import OrphanSweep
from services.media.application.profile_images import ProfileImageService
from services.media.application.removal import AttachmentRemoval
from services.media.application.uploads import HOUR, Uploads
from services.media.domain.files import content_type, file_name
from services.media.pictures import (
    MAX_BYTES,
    MAX_PIXELS,
    Kind,
    PictureError,
    Processed,
    Rendition,
    sniff,
)
from services.media.repository import Repository
from tests.fakes import Response, Running, World

PHOTO = b"\xff\xd8\xff a photo"
ANN, BOB = "115581273340018689", "115581273340018690"
EARLIER_POST, POST = "116548273934401535", "116548273934401536"
NEXT_POST, LATER_POST = "116548273934401537", "116548273934401538"


class FakeImageProcessor:
    """Makes two renditions of what looks like a picture."""

    mime = "image/jpeg"
    error: PictureError | None = None

    async def process(self, data: bytes, kind: Kind = "photo") -> Processed:
        sniff(data)
        if self.error:
            raise self.error
        original = Rendition(b"original of " + data, self.mime, 40, 30)
        return Processed(original, Rendition(b"small", self.mime, 4, 3), f"hash of {kind}", "#fff")


class MediaServices:
    """The use cases of media on a clock of the test, as after a restart."""

    def __init__(self, studio: Studio, now: Callable[[], float]) -> None:
        uploads = Uploads(
            Repository(studio.media.service),
            studio.world.sidecar("media"),
            studio.images,
            ids=SnowflakeGenerator().next,
            now=now,
        )
        self.removal = AttachmentRemoval(uploads)
        self.profile_images = ProfileImageService(uploads)
        self.attachments = AttachmentService(uploads, self.removal)
        self._orphans = OrphanSweep(uploads, self.removal, self.profile_images)

    async def sweep(self) -> None:
        await self._orphans.sweep()


class Studio:
    """A running media service, and short ways to ask it."""

    def __init__(self, world: World, media: Running, images: FakeImageProcessor) -> None:
        self.world = world
        self.media = media
        self.images = images
        self.ann, self.bob = world.token(ANN), world.token(BOB)

    async def upload(self, token: str = "", data: bytes = PHOTO, **params: str) -> Response:
        return await self.media.call(
            "POST", "/attachments", token=token or self.ann, data=data, params=params
        )

    async def picture(self, description: str = "") -> str:
        answer = await self.upload(description=description)
        assert answer.status == 200, answer.text
        id: str = answer.json()["id"]
        return id

    async def claim(self, post: str, ids: Sequence[str], token: str = "") -> Response:
        body = {"post_id": post, "ids": list(ids)}
        return await self.media.call("POST", "/claims", token=token or self.ann, json=body)


@pytest.fixture(params=["sqlite", "redis"])
async def studio(request: pytest.FixtureRequest) -> AsyncIterator[Studio]:
    images = FakeImageProcessor()

    def media_app(settings: Settings) -> FastAPI:
        return create_app(Service(settings), images)

    async with World(like=request.param) as world:
        yield Studio(world, await world.start(media_app, "media"), images)


# ── uploading ───────────────────────────────────────────────────────────────────────────────


async def test_an_upload_is_kept_as_two_files_and_described(studio: Studio) -> None:
    answer = await studio.upload(description=" Boats ", focus="0.5,-1")
    view = Attachment.model_validate(answer.json())
    assert answer.json() == view.model_dump(mode="json")
    assert (view.owner, view.description, view.focus) == (ANN, "Boats", (0.5, -1.0))
    assert (view.original_size.width, view.small_size.height) == (40, 3)
    assert studio.world.blobs == {view.original: b"original of " + PHOTO, view.small: b"small"}
    again = await studio.media.call("GET", f"/attachments/{view.id}", token=studio.ann)
    assert again.json() == answer.json()


async def test_names_of_files_cannot_be_guessed(studio: Studio) -> None:
    views = [(await studio.upload()).json() for _ in range(2)]
    secrets = {name.split("-")[1] for view in views for name in (view["original"], view["small"])}
    assert len(secrets) == 4
    assert all(len(secret) == 16 for secret in secrets)


async def test_what_says_it_is_too_long_is_refused_before_it_is_read(studio: Studio) -> None:
    answer = await studio.media.call(
        "POST",
        "/attachments",
        token=studio.ann,
        data=PHOTO,
        headers={"content-length": str(limits.PICTURE_BYTES + 1)},
    )
    assert (answer.status, answer.json()["code"]) == (413, "too_large")


async def test_what_lies_about_its_length_is_refused_while_it_is_read(studio: Studio) -> None:
    answer = await studio.media.call(
        "POST",
        "/attachments",
        token=studio.ann,
        data=PHOTO + bytes(limits.PICTURE_BYTES),
        headers={"content-length": "9"},
    )
    assert answer.status == 413
    assert studio.world.blobs == {}


@pytest.mark.parametrize(
    ("params", "data"),
    [
        ({}, b""),
        ({}, b"not a picture"),
        ({"focus": "1"}, PHOTO),
        ({"focus": "nan,0"}, PHOTO),
        ({"focus": "2,0"}, PHOTO),
        ({"description": "a" * 1501}, PHOTO),
    ],
)
async def test_what_breaks_a_rule_is_refused_and_leaves_nothing(
    studio: Studio, params: dict[str, str], data: bytes
) -> None:
    answer = await studio.upload(data=data, **params)
    assert (answer.status, bool(answer.json()["message"])) == (422, True)
    assert studio.world.blobs == {}
    assert studio.world.state("media").keys("attachment:") == []


@pytest.mark.parametrize(
    ("code", "status"), [("broken", 422), ("timed_out", 422), ("too_large", 413), ("busy", 503)]
)
async def test_what_the_workshop_says_reaches_the_sender(
    studio: Studio, code: Any, status: int
) -> None:
    studio.images.error = PictureError(code, "Do this instead.")
    answer = await studio.upload()
    assert (answer.status, answer.json()) == (status, {"code": code, "message": "Do this instead."})


async def test_a_portrait_is_one_file(studio: Studio) -> None:
    for kind in ("avatar", "header"):
        answer = await studio.media.call(
            "POST", "/portraits", token=studio.ann, data=PHOTO, params={"kind": kind}
        )
        assert answer.json()["name"] in studio.world.blobs
    bad = await studio.media.call(
        "POST", "/portraits", token=studio.ann, data=PHOTO, params={"kind": "x"}
    )
    assert bad.status == 422


def test_the_announced_limits_are_the_ones_of_the_decoder() -> None:
    assert (limits.PICTURE_BYTES, limits.PICTURE_PIXELS) == (MAX_BYTES, MAX_PIXELS)


# ── describing ──────────────────────────────────────────────────────────────────────────────


async def test_only_the_owner_sees_and_describes_an_attachment(studio: Studio) -> None:
    id = await studio.picture(description="one")
    path = f"/attachments/{id}"
    edited = await studio.media.call("PUT", path, token=studio.ann, json={"focus": [0, 1]})
    assert (edited.json()["description"], edited.json()["focus"]) == ("one", [0.0, 1.0])
    for method, body in (("GET", None), ("PUT", {"description": "mine"})):
        answer = await studio.media.call(method, path, token=studio.bob, json=body)
        assert answer.status == 404
    for bad in ({"focus": [0, 2]}, {"description": "a" * 1501}, {"focus": [1]}):
        answer = await studio.media.call("PUT", path, token=studio.ann, json=bad)
        assert answer.status == 422
    assert (await studio.media.call("GET", "/attachments/x", token=studio.ann)).status == 404


# ── claiming ────────────────────────────────────────────────────────────────────────────────


async def test_a_picture_belongs_to_one_post_and_to_it_again(studio: Studio) -> None:
    ids = [await studio.picture() for _ in range(3)]
    for _ in range(2):
        answer = await studio.claim(POST, ids)
        assert [row["id"] for row in answer.json()] == ids
    refused = await studio.claim(NEXT_POST, ids[:1])
    assert (refused.status, "another post" in refused.json()["message"]) == (422, True)


async def test_a_claim_takes_all_or_nothing(studio: Studio) -> None:
    free, taken = await studio.picture(), await studio.picture()
    await studio.claim(POST, [taken])
    for ids in ([free, taken], [free, "1"]):
        assert (await studio.claim(NEXT_POST, ids)).status == 422
    assert (await studio.claim(LATER_POST, [free])).status == 200


async def test_one_of_two_posts_gets_a_picture_both_want(studio: Studio) -> None:
    ids = [await studio.picture() for _ in range(4)]
    answers = await asyncio.gather(*(studio.claim(str(post), ids) for post in (77, 78)))
    statuses = sorted(answer.status for answer in answers)
    assert statuses == [200, 422]
    state = studio.world.state("media")
    owners = [state.peek(f"attachment:{id}")["data"]["claimed_by"] for id in ids]
    assert len(set(owners)) == 1


async def test_a_claim_that_failed_half_way_can_be_made_again(studio: Studio) -> None:
    ids = [await studio.picture() for _ in range(3)]
    studio.media.sidecar.state.faults.crash("compare_and_set", about=f"attachment:{ids[1]}")
    with pytest.raises(TimeoutError):
        await studio.media.call(
            "POST",
            "/claims",
            token=studio.ann,
            json={"post_id": POST, "ids": ids},
            deadline=0.2,
        )
    await studio.media.kill()
    studio.media = await studio.world.start(
        lambda settings: create_app(Service(settings), studio.images), "media"
    )
    assert (await studio.claim(POST, ids)).status == 200


async def test_somebody_elses_picture_cannot_be_claimed(studio: Studio) -> None:
    id = await studio.picture()
    assert (await studio.claim(POST, [id], studio.bob)).status == 422
    posting = studio.world.token(ANN, "write:statuses")
    assert (await studio.claim(POST, [id], posting)).status == 200
    reading = studio.world.token(ANN, "read")
    assert (await studio.claim(POST, [id], reading)).status == 403


# ── files ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("mime", ["image/jpeg", "image/webp"])
async def test_a_file_is_served_for_ever(studio: Studio, mime: str) -> None:
    studio.images.mime = mime
    name = (await studio.upload()).json()["original"]
    answer = await studio.media.call("GET", f"/files/{name}")
    assert (answer.status, answer.body) == (200, b"original of " + PHOTO)
    assert answer.headers["content-type"] == mime
    assert "immutable" in answer.headers["cache-control"]
    etag = {"if-none-match": answer.headers["etag"]}
    again = await studio.media.call("GET", f"/files/{name}", headers=etag)
    assert (again.status, again.body) == (304, b"")
    assert (await studio.media.call("GET", f"/files/{name}", caller="posts")).status == 403


@pytest.mark.parametrize(
    "name",
    [
        "..%2F..%2Fetc%2Fpasswd",
        "....//x",
        "116548273000001537-9f86d081884c7d65-o.jpg%00.png",
        "116548273000001537-9f86d081884c7d65-o.jpg%0A",
        "116548273000001537-9f86d081884c7d65-x.jpg",
        "116548273000001537-9F86D081884C7D65-o.jpg",
        "116548273000001537-9f86d081884c7d65-o.jpg",
    ],
)
async def test_what_we_never_gave_as_a_name_is_not_found(studio: Studio, name: str) -> None:
    studio.world.blobs["../../etc/passwd"] = b"root"
    assert (await studio.media.call("GET", f"/files/{name}")).status == 404


@given(st.text(max_size=80))
def test_no_text_gets_past_the_names_we_give(name: str) -> None:
    with pytest.raises(NotFound):
        content_type(name)


def test_every_name_we_give_is_one() -> None:
    for part in "osah":
        for mime in ("image/jpeg", "image/webp"):
            assert (
                content_type(file_name(SnowflakeGenerator().next(), "0" * 16, part, mime)) == mime
            )


# ── going ───────────────────────────────────────────────────────────────────────────────────


async def deleted(studio: Studio, post: str, version: int = 2, *, kept: bool = False) -> None:
    event = {
        "specversion": "1.0",
        "id": "e",
        "type": events.POST_CHANGED.name,
        "source": "posts",
        "subject": post,
        "stream": "s",
        "sequence": version,
        "entityversion": version,
        "data": {
            "id": post,
            "author": ANN,
            "created_at": "",
            "deleted": True,
            "pictures_kept": kept,
        },
    }
    await studio.world.broker.publish("posts", [event])
    await studio.world.broker.idle()


async def test_pictures_go_with_their_post(studio: Studio) -> None:
    gone, kept = await studio.picture(), await studio.picture()
    await studio.claim(POST, [gone])
    await studio.claim(NEXT_POST, [kept])
    for _ in range(2):
        await deleted(studio, POST)
    assert len(studio.world.blobs) == 2
    assert all(name.startswith(kept) for name in studio.world.blobs)
    assert (await studio.claim(POST, [gone])).status == 422


async def release(studio: Studio, post: str, caller: str = "posts") -> Response:
    body = {"post_id": post}
    return await studio.media.call("POST", "/releases", caller=caller, json=body)


async def answers(studio: Studio, picture: dict[str, Any]) -> list[int]:
    """What is answered for both files, to who knows nothing and to who has them already."""
    return [
        (await studio.media.call("GET", f"/files/{picture[part]}", headers=headers)).status
        for part in ("original", "small")
        for headers in ({}, {"if-none-match": f'"{picture[part]}"'})
    ]


@pytest.mark.parametrize("told", ["by a call", "by the news", "by both, the news late and twice"])
async def test_pictures_of_who_deletes_to_redraft_wait_unseen_for_another_post(
    studio: Studio, told: str
) -> None:
    picture = (await studio.upload()).json()
    await studio.claim(POST, [picture["id"]])
    assert await answers(studio, picture) == [200, 304, 200, 304]
    if told != "by the news":
        assert (await release(studio, POST)).status == 200
    else:
        await deleted(studio, POST, kept=True)
    assert len(studio.world.blobs) == 2
    assert await answers(studio, picture) == [404] * 4
    assert (await studio.claim(POST, [picture["id"]])).status == 422
    assert (await studio.claim(NEXT_POST, [picture["id"]], studio.bob)).status == 422
    taken = await studio.claim(NEXT_POST, [picture["id"]])
    assert (taken.status, taken.json()) == (200, [picture])
    if told.startswith("by both"):
        for version in (2, 3):
            await deleted(studio, POST, version, kept=True)
    assert await answers(studio, picture) == [200, 304, 200, 304]
    await deleted(studio, NEXT_POST, 4)
    assert studio.world.blobs == {}


async def test_only_posts_says_that_pictures_are_released(studio: Studio) -> None:
    picture = await studio.picture()
    await studio.claim(POST, [picture])
    assert (await release(studio, POST, caller="gateway")).status == 403
    assert (await release(studio, "never")).status == 404
    assert (await release(studio, EARLIER_POST)).status == 200
    assert (await studio.claim(NEXT_POST, [picture])).status == 422


async def test_pictures_that_waited_go_at_once_if_their_author_wants_that_after_all(
    studio: Studio,
) -> None:
    again, gone = await studio.picture(), await studio.picture()
    await studio.claim(POST, [again, gone])
    await deleted(studio, POST, kept=True)
    await studio.claim(NEXT_POST, [again])
    await deleted(studio, POST, 3)
    assert {name[:18] for name in studio.world.blobs} == {again[:18]}
    await deleted(studio, POST, 4, kept=True)  # late, and old
    assert (await studio.claim(LATER_POST, [gone])).status == 422


class Days:
    """The services of a studio, with a clock that is turned by hand."""

    def __init__(self, studio: Studio) -> None:
        self.now = 1_000_000.0 * HOUR
        self.services = self.anew(studio)

    def anew(self, studio: Studio) -> MediaServices:
        """The services after a restart."""
        return MediaServices(studio, lambda: self.now)


async def test_a_picture_waits_a_whole_day_after_its_post_and_then_goes(studio: Studio) -> None:
    days = Days(studio)
    services, caller = days.services, await studio.media.service.token_verifier.verify(studio.ann)
    await services.sweep()
    early, late, used = [
        await services.attachments.upload(PHOTO, caller, description="", focus=(0.0, 0.0))
        for _ in range(3)
    ]
    await services.attachments.claim(POST, [early.id, late.id, used.id], caller)
    days.now += 20 * HOUR
    await services.removal.release(POST)
    days.now += 12 * HOUR  # more than a day after the upload
    await services.sweep()
    assert len(studio.world.blobs) == 6
    await services.attachments.claim(NEXT_POST, [late.id, used.id], caller)
    await services.removal.release(NEXT_POST)
    await services.attachments.claim(LATER_POST, [used.id], caller)
    services = days.anew(studio)
    days.now += 13 * HOUR
    await services.sweep()
    assert set(studio.world.blobs) == {*late.files, *used.files}
    days.now += 24 * HOUR
    await services.sweep()
    assert set(studio.world.blobs) == set(used.files)
    with pytest.raises(Invalid):
        await services.attachments.claim("80", [early.id], caller)


@pytest.mark.parametrize("head_start", range(8))
async def test_who_redrafts_while_pictures_are_removed_gets_them_or_is_told(
    studio: Studio, head_start: int
) -> None:
    days = Days(studio)
    services, caller = days.services, await studio.media.service.token_verifier.verify(studio.ann)
    await services.sweep()
    picture = await services.attachments.upload(PHOTO, caller, description="", focus=(0.0, 0.0))
    await services.attachments.claim(POST, [picture.id], caller)
    await services.removal.release(POST)
    days.now += 26 * HOUR
    sweeping = asyncio.create_task(services.sweep())
    for _ in range(head_start * 3):
        await asyncio.sleep(0)
    (claimed,) = await asyncio.gather(
        services.attachments.claim(NEXT_POST, [picture.id], caller), return_exceptions=True
    )
    await sweeping
    await services.sweep()
    if isinstance(claimed, BaseException):
        assert isinstance(claimed, Invalid)
        assert studio.world.blobs == {}
    else:
        assert set(studio.world.blobs) == set(picture.files)
        await services.attachments.check_visible(picture.original)


async def test_one_damaged_picture_does_not_stop_the_sweep(studio: Studio) -> None:
    clock = [1_000_000.0 * HOUR]
    services = MediaServices(studio, lambda: clock[0])
    caller = await studio.media.service.token_verifier.verify(studio.ann)
    await services.sweep()
    damaged, unwanted = [
        await services.attachments.upload(PHOTO, caller, description="", focus=(0.0, 0.0))
        for _ in range(2)
    ]
    key = f"attachment:{damaged.id}"
    await studio.world.state("media").set(key, {"schema": 1, "version": 1, "data": {"id": "x"}})
    clock[0] += 25 * HOUR
    await services.sweep()
    assert set(studio.world.blobs) == set(damaged.files)
    with pytest.raises(NotFound):
        await services.attachments.get(unwanted.id, caller)


async def test_what_no_post_wants_for_a_day_goes(studio: Studio) -> None:
    clock = [1_000_000.0 * HOUR]
    service = studio.media.service
    services = MediaServices(studio, lambda: clock[0])
    caller = await service.token_verifier.verify(studio.ann)
    await services.sweep()
    wanted, unwanted = [
        await services.attachments.upload(PHOTO, caller, description="", focus=(0.0, 0.0))
        for _ in range(2)
    ]
    await services.attachments.claim(POST, [wanted.id], caller)
    clock[0] += 24 * HOUR
    await services.sweep()
    assert len(studio.world.blobs) == 4
    clock[0] += HOUR
    await services.sweep()
    assert set(studio.world.blobs) == set(wanted.files)
    state = studio.world.state("media")
    progress = state.peek("swept:all")
    await services.sweep()
    assert state.peek("swept:all") == progress
    with pytest.raises(NotFound):
        await services.attachments.get(unwanted.id, caller)
    assert (await services.attachments.get(wanted.id, caller)).id == wanted.id


# ── portraits, and people who leave ─────────────────────────────────────────────────────────


async def portrait(studio: Studio, kind: str = "avatar") -> str:
    answer = await studio.media.call(
        "POST", "/portraits", token=studio.ann, data=PHOTO, params={"kind": kind}
    )
    assert answer.status == 200, answer.text
    name: str = answer.json()["name"]
    return name


async def shows(studio: Studio, version: int, *, deleted: bool = False, **names: str) -> None:
    event = {
        "specversion": "1.0",
        "id": f"user:1@{version}",
        "source": "users",
        "type": events.ACCOUNT_CHANGED.name,
        "subject": ANN,
        "stream": "s",
        "sequence": version,
        "entityversion": version,
        "data": {"id": ANN, "username": "", "created_at": "", "deleted": deleted, **names},
    }
    await studio.world.broker.publish("accounts", [event])
    for _ in range(4):
        await studio.world.settle()


async def test_a_portrait_goes_when_another_takes_its_place(studio: Studio) -> None:
    first, second, header = [await portrait(studio, k) for k in ("avatar", "avatar", "header")]
    await shows(studio, 2, avatar=first)
    assert set(studio.world.blobs) == {first, second, header}  # the later ones may yet be shown
    await shows(studio, 3, avatar=second)
    await shows(studio, 2, avatar=first)  # late, and old
    assert set(studio.world.blobs) == {second, header}
    await shows(studio, 4, header=header)
    assert set(studio.world.blobs) == {header}


async def test_a_portrait_that_no_profile_shows_is_swept_after_a_day(studio: Studio) -> None:
    clock = [1_800_000_000.0]
    services = MediaServices(studio, lambda: clock[0])
    caller = await studio.media.service.token_verifier.verify(studio.ann)
    await services.sweep()
    shown = await services.profile_images.upload(PHOTO, "avatar", caller)
    forgotten = await services.profile_images.upload(PHOTO, "avatar", caller)
    await services.profile_images.on_profile_changed(ANN, (shown,), 2, deleted=False)
    assert set(studio.world.blobs) == {shown, forgotten}
    clock[0] += 25 * HOUR
    await services.sweep()
    assert set(studio.world.blobs) == {shown}


async def test_all_pictures_of_who_is_gone_go(studio: Studio) -> None:
    claimed, _ = await studio.picture("at sea"), await portrait(studio)
    for _ in range(25):
        await studio.picture("at sea")
    await studio.claim(POST, [claimed])
    waiting = await studio.picture("at sea")
    await studio.claim(EARLIER_POST, [waiting])
    await release(studio, EARLIER_POST)
    bobs = (await studio.upload(studio.bob)).json()["original"]
    await shows(studio, 5, deleted=True)
    for _ in range(4):
        await studio.world.settle()
    assert {name for name in studio.world.blobs if not name.startswith(bobs[:18])} == set()
    state = studio.world.state("media")
    assert not any("at sea" in str(state.peek(key)) for key in state.keys("attachment:"))
    assert (await studio.upload()).status == 401
    refused = await studio.media.call(
        "POST", "/portraits", token=studio.ann, data=PHOTO, params={"kind": "avatar"}
    )
    assert refused.status == 401
    assert len(studio.world.blobs) == 2
