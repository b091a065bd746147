"""The routes of media, with a fake image processor."""

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
from services.contracts.posts import Attachment, Size
from services.media.app import create_app
from services.media.application.attachments import AttachmentService
from services.media.application.orphan_sweep import OrphanSweep
from services.media.application.profile_images import ProfileImageService
from services.media.application.removal import AttachmentRemoval
from services.media.application.suspended_owners import SuspensionFilter
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
from tests.fakes import FakeCluster, Response, RunningReplica

PHOTO = b"\xff\xd8\xff a photo"
ANN, BOB = "115581273340018689", "115581273340018690"
EARLIER_POST, POST = "116548273934401535", "116548273934401536"
NEXT_POST, LATER_POST = "116548273934401537", "116548273934401538"


class FakeImageProcessor:
    """Returns three renditions of anything that looks like a picture."""

    mime = "image/jpeg"
    error: PictureError | None = None
    is_narrow = False

    async def process(self, data: bytes, kind: Kind = "photo") -> Processed:
        sniff(data)
        if self.error:
            raise self.error
        original = Rendition(b"original of " + data, self.mime, 40, 30)
        medium = original if self.is_narrow else Rendition(b"medium", "image/webp", 20, 15)
        small = Rendition(b"small", self.mime, 4, 3)
        return Processed(original, medium, small, f"hash of {kind}", "#fff")


class MediaServices:
    """The use cases of media with a clock of the test, as after a restart."""

    def __init__(self, harness: MediaHarness, now: Callable[[], float]) -> None:
        repository = Repository(harness.media.service)
        uploads = Uploads(
            repository,
            harness.cluster.sidecar("media"),
            harness.images,
            ids=SnowflakeGenerator().next,
            now=now,
        )
        self.removal = AttachmentRemoval(uploads)
        suspensions = SuspensionFilter(repository)
        self.profile_images = ProfileImageService(uploads, suspensions)
        self.attachments = AttachmentService(uploads, self.removal, suspensions)
        self._orphans = OrphanSweep(uploads, self.removal, self.profile_images)

    async def sweep(self) -> None:
        await self._orphans.sweep()


class MediaHarness:
    """A running media service, and helpers to call it."""

    def __init__(
        self, cluster: FakeCluster, media: RunningReplica, images: FakeImageProcessor
    ) -> None:
        self.cluster = cluster
        self.media = media
        self.images = images
        self.ann, self.bob = cluster.token(ANN), cluster.token(BOB)

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
        return await self.media.call(
            "POST", "/claims", token=token or self.ann, caller="posts", json=body
        )


@pytest.fixture(params=["sqlite", "redis"])
async def harness(request: pytest.FixtureRequest) -> AsyncIterator[MediaHarness]:
    images = FakeImageProcessor()

    def media_app(settings: Settings) -> FastAPI:
        return create_app(Service(settings), images)

    async with FakeCluster(like=request.param) as cluster:
        yield MediaHarness(cluster, await cluster.start(media_app, "media"), images)


def files_of(view: dict[str, Any]) -> list[str]:
    """The names of the files of a picture."""
    return [view["original"], view["medium"], view["small"]]


# ── uploading ───────────────────────────────────────────────────────────────────────────────


async def test_an_upload_creates_three_files_and_an_attachment(harness: MediaHarness) -> None:
    answer = await harness.upload(description=" Boats ", focus="0.5,-1")
    view = Attachment.model_validate(answer.json())
    assert answer.json() == view.model_dump(mode="json")
    assert (view.owner, view.description, view.focus) == (ANN, "Boats", (0.5, -1.0))
    assert (view.original_size.width, view.small_size.height) == (40, 3)
    assert view.medium_size == Size(width=20, height=15)
    assert harness.cluster.blobs == {
        view.original: b"original of " + PHOTO,
        view.medium: b"medium",
        view.small: b"small",
    }
    again = await harness.media.call("GET", f"/attachments/{view.id}", token=harness.ann)
    assert again.json() == answer.json()


async def test_a_narrow_picture_has_no_medium_size(harness: MediaHarness) -> None:
    harness.images.is_narrow = True
    view = Attachment.model_validate((await harness.upload()).json())
    assert (view.medium, view.medium_size) == ("", None)
    assert set(harness.cluster.blobs) == {view.original, view.small}


async def test_names_of_files_cannot_be_guessed(harness: MediaHarness) -> None:
    views = [(await harness.upload()).json() for _ in range(2)]
    secrets = {name.split("-")[1] for view in views for name in files_of(view)}
    assert len(secrets) == 6
    assert all(len(secret) == 16 for secret in secrets)


async def test_an_upload_with_a_too_large_content_length_is_refused_unread(
    harness: MediaHarness,
) -> None:
    answer = await harness.media.call(
        "POST",
        "/attachments",
        token=harness.ann,
        data=PHOTO,
        headers={"content-length": str(limits.MAX_PICTURE_BYTES + 1)},
    )
    assert (answer.status, answer.json()["code"]) == (413, "too_large")


async def test_an_upload_with_a_false_content_length_is_refused(harness: MediaHarness) -> None:
    answer = await harness.media.call(
        "POST",
        "/attachments",
        token=harness.ann,
        data=PHOTO + bytes(limits.MAX_PICTURE_BYTES),
        headers={"content-length": "9"},
    )
    assert answer.status == 413
    assert harness.cluster.blobs == {}


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
async def test_invalid_uploads_are_refused_and_leave_no_files(
    harness: MediaHarness, params: dict[str, str], data: bytes
) -> None:
    answer = await harness.upload(data=data, **params)
    assert (answer.status, bool(answer.json()["message"])) == (422, True)
    assert harness.cluster.blobs == {}
    assert harness.cluster.state("media").keys("attachment:") == []


@pytest.mark.parametrize(
    ("code", "status"), [("broken", 422), ("timed_out", 422), ("too_large", 413), ("busy", 503)]
)
async def test_errors_of_picture_processing_are_returned(
    harness: MediaHarness, code: Any, status: int
) -> None:
    harness.images.error = PictureError(code, "Do this instead.")
    answer = await harness.upload()
    assert (answer.status, answer.json()) == (status, {"code": code, "message": "Do this instead."})


async def test_a_profile_image_is_one_file(harness: MediaHarness) -> None:
    for kind in ("avatar", "header"):
        answer = await harness.media.call(
            "POST", "/portraits", token=harness.ann, data=PHOTO, params={"kind": kind}
        )
        assert answer.json()["name"] in harness.cluster.blobs
    bad = await harness.media.call(
        "POST", "/portraits", token=harness.ann, data=PHOTO, params={"kind": "x"}
    )
    assert bad.status == 422


def test_the_published_limits_are_those_of_the_decoder() -> None:
    assert (limits.MAX_PICTURE_BYTES, limits.MAX_PICTURE_PIXELS) == (MAX_BYTES, MAX_PIXELS)


# ── describing ──────────────────────────────────────────────────────────────────────────────


async def test_only_the_owner_sees_and_describes_an_attachment(harness: MediaHarness) -> None:
    id = await harness.picture(description="one")
    path = f"/attachments/{id}"
    edited = await harness.media.call("PUT", path, token=harness.ann, json={"focus": [0, 1]})
    assert (edited.json()["description"], edited.json()["focus"]) == ("one", [0.0, 1.0])
    for method, body in (("GET", None), ("PUT", {"description": "mine"})):
        answer = await harness.media.call(method, path, token=harness.bob, json=body)
        assert answer.status == 404
    for bad in ({"focus": [0, 2]}, {"description": "a" * 1501}, {"focus": [1]}):
        answer = await harness.media.call("PUT", path, token=harness.ann, json=bad)
        assert answer.status == 422
    assert (await harness.media.call("GET", "/attachments/x", token=harness.ann)).status == 404


# ── claiming ────────────────────────────────────────────────────────────────────────────────


async def test_only_one_post_may_claim_a_picture(harness: MediaHarness) -> None:
    ids = [await harness.picture() for _ in range(3)]
    for _ in range(2):
        answer = await harness.claim(POST, ids)
        assert [row["id"] for row in answer.json()] == ids
    refused = await harness.claim(NEXT_POST, ids[:1])
    assert (refused.status, "another post" in refused.json()["message"]) == (422, True)


async def test_a_claim_claims_all_pictures_or_none(harness: MediaHarness) -> None:
    free, taken = await harness.picture(), await harness.picture()
    await harness.claim(POST, [taken])
    for ids in ([free, taken], [free, "1"]):
        assert (await harness.claim(NEXT_POST, ids)).status == 422
    assert (await harness.claim(LATER_POST, [free])).status == 200


async def test_one_of_two_concurrent_posts_claims_a_picture(harness: MediaHarness) -> None:
    ids = [await harness.picture() for _ in range(4)]
    answers = await asyncio.gather(*(harness.claim(str(post), ids) for post in (77, 78)))
    statuses = sorted(answer.status for answer in answers)
    assert statuses == [200, 422]
    state = harness.cluster.state("media")
    owners = [state.peek(f"attachment:{id}")["data"]["claimed_by"] for id in ids]
    assert len(set(owners)) == 1


async def test_an_incomplete_claim_can_be_repeated(harness: MediaHarness) -> None:
    ids = [await harness.picture() for _ in range(3)]
    harness.media.sidecar.state.faults.crash("compare_and_set", about=f"attachment:{ids[1]}")
    with pytest.raises(TimeoutError):
        await harness.media.call(
            "POST",
            "/claims",
            token=harness.ann,
            caller="posts",
            json={"post_id": POST, "ids": ids},
            deadline=0.2,
        )
    await harness.media.kill()
    harness.media = await harness.cluster.start(
        lambda settings: create_app(Service(settings), harness.images), "media"
    )
    assert (await harness.claim(POST, ids)).status == 200


async def test_a_picture_of_another_user_cannot_be_claimed(harness: MediaHarness) -> None:
    id = await harness.picture()
    assert (await harness.claim(POST, [id], harness.bob)).status == 422
    posting = harness.cluster.token(ANN, "write:statuses")
    assert (await harness.claim(POST, [id], posting)).status == 200
    reading = harness.cluster.token(ANN, "read")
    assert (await harness.claim(POST, [id], reading)).status == 403


# ── files ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("mime", ["image/jpeg", "image/webp"])
async def test_a_file_is_immutable(harness: MediaHarness, mime: str) -> None:
    harness.images.mime = mime
    name = (await harness.upload()).json()["original"]
    answer = await harness.media.call("GET", f"/files/{name}")
    assert (answer.status, answer.body) == (200, b"original of " + PHOTO)
    assert answer.headers["content-type"] == mime
    assert "immutable" in answer.headers["cache-control"]
    etag = {"if-none-match": answer.headers["etag"]}
    again = await harness.media.call("GET", f"/files/{name}", headers=etag)
    assert (again.status, again.body) == (304, b"")
    assert (await harness.media.call("GET", f"/files/{name}", caller="posts")).status == 403


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
async def test_a_name_that_was_never_generated_is_not_found(
    harness: MediaHarness, name: str
) -> None:
    harness.cluster.blobs["../../etc/passwd"] = b"root"
    assert (await harness.media.call("GET", f"/files/{name}")).status == 404


@given(st.text(max_size=80))
def test_no_other_text_is_a_file_name(name: str) -> None:
    with pytest.raises(NotFound):
        content_type(name)


def test_every_generated_name_is_a_file_name() -> None:
    for part in "osah":
        for mime in ("image/jpeg", "image/webp"):
            assert (
                content_type(file_name(SnowflakeGenerator().next(), "0" * 16, part, mime)) == mime
            )


# ── removal ──────────────────────────────────────────────────────────────────────────────────


async def deleted(
    harness: MediaHarness, post: str, version: int = 2, *, kept: bool = False
) -> None:
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
    await harness.cluster.broker.publish("posts", [event])
    await harness.cluster.broker.idle()


async def test_the_pictures_of_a_deleted_post_are_removed(harness: MediaHarness) -> None:
    gone, kept = await harness.picture(), await harness.picture()
    await harness.claim(POST, [gone])
    await harness.claim(NEXT_POST, [kept])
    for _ in range(2):
        await deleted(harness, POST)
    assert len(harness.cluster.blobs) == 3
    assert all(name.startswith(kept) for name in harness.cluster.blobs)
    assert (await harness.claim(POST, [gone])).status == 422


async def release(harness: MediaHarness, post: str, caller: str = "posts") -> Response:
    body = {"post_id": post}
    return await harness.media.call("POST", "/releases", caller=caller, json=body)


async def answers(harness: MediaHarness, picture: dict[str, Any]) -> list[int]:
    """The statuses of all files, without and with a cached version."""
    return [
        (await harness.media.call("GET", f"/files/{name}", headers=headers)).status
        for name in files_of(picture)
        for headers in ({}, {"if-none-match": f'"{name}"'})
    ]


@pytest.mark.parametrize(
    "reported", ["by a call", "by the event", "by both, the event late and twice"]
)
async def test_released_pictures_are_hidden_until_another_post_claims_them(
    harness: MediaHarness, reported: str
) -> None:
    picture = (await harness.upload()).json()
    await harness.claim(POST, [picture["id"]])
    assert await answers(harness, picture) == [200, 304] * 3
    if reported != "by the event":
        assert (await release(harness, POST)).status == 200
    else:
        await deleted(harness, POST, kept=True)
    assert len(harness.cluster.blobs) == 3
    assert await answers(harness, picture) == [404] * 6
    assert (await harness.claim(POST, [picture["id"]])).status == 422
    assert (await harness.claim(NEXT_POST, [picture["id"]], harness.bob)).status == 422
    taken = await harness.claim(NEXT_POST, [picture["id"]])
    assert (taken.status, taken.json()) == (200, [picture])
    if reported.startswith("by both"):
        for version in (2, 3):
            await deleted(harness, POST, version, kept=True)
    assert await answers(harness, picture) == [200, 304] * 3
    await deleted(harness, NEXT_POST, 4)
    assert harness.cluster.blobs == {}


async def test_only_the_posts_service_may_release_pictures(harness: MediaHarness) -> None:
    picture = await harness.picture()
    await harness.claim(POST, [picture])
    assert (await release(harness, POST, caller="gateway")).status == 403
    assert (await release(harness, "never")).status == 404
    assert (await release(harness, EARLIER_POST)).status == 200
    assert (await harness.claim(NEXT_POST, [picture])).status == 422


async def test_released_pictures_are_removed_at_once_if_their_post_is_deleted_without_keeping_them(
    harness: MediaHarness,
) -> None:
    again, gone = await harness.picture(), await harness.picture()
    await harness.claim(POST, [again, gone])
    await deleted(harness, POST, kept=True)
    await harness.claim(NEXT_POST, [again])
    await deleted(harness, POST, 3)
    assert {name[:18] for name in harness.cluster.blobs} == {again[:18]}
    await deleted(harness, POST, 4, kept=True)  # late, and old
    assert (await harness.claim(LATER_POST, [gone])).status == 422


class TimedServices:
    """The use cases of media, with a clock that the test sets."""

    def __init__(self, harness: MediaHarness) -> None:
        self.now = 1_000_000.0 * HOUR
        self.services = self.anew(harness)

    def anew(self, harness: MediaHarness) -> MediaServices:
        """The services after a restart."""
        return MediaServices(harness, lambda: self.now)


async def test_a_released_picture_is_removed_after_a_day(harness: MediaHarness) -> None:
    days = TimedServices(harness)
    services, caller = days.services, await harness.media.service.token_verifier.verify(harness.ann)
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
    assert len(harness.cluster.blobs) == 9
    await services.attachments.claim(NEXT_POST, [late.id, used.id], caller)
    await services.removal.release(NEXT_POST)
    await services.attachments.claim(LATER_POST, [used.id], caller)
    services = days.anew(harness)
    days.now += 13 * HOUR
    await services.sweep()
    assert set(harness.cluster.blobs) == {*late.files, *used.files}
    days.now += 24 * HOUR
    await services.sweep()
    assert set(harness.cluster.blobs) == set(used.files)
    with pytest.raises(Invalid):
        await services.attachments.claim("80", [early.id], caller)


@pytest.mark.parametrize("head_start", range(8))
async def test_a_claim_during_a_sweep_succeeds_or_is_refused(
    harness: MediaHarness, head_start: int
) -> None:
    days = TimedServices(harness)
    services, caller = days.services, await harness.media.service.token_verifier.verify(harness.ann)
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
        assert harness.cluster.blobs == {}
    else:
        assert set(harness.cluster.blobs) == set(picture.files)
        await services.attachments.check_visible(picture.original)


async def test_one_damaged_picture_does_not_stop_the_sweep(harness: MediaHarness) -> None:
    clock = [1_000_000.0 * HOUR]
    services = MediaServices(harness, lambda: clock[0])
    caller = await harness.media.service.token_verifier.verify(harness.ann)
    await services.sweep()
    damaged, unwanted = [
        await services.attachments.upload(PHOTO, caller, description="", focus=(0.0, 0.0))
        for _ in range(2)
    ]
    key = f"attachment:{damaged.id}"
    await harness.cluster.state("media").set(key, {"schema": 1, "version": 1, "data": {"id": "x"}})
    clock[0] += 25 * HOUR
    await services.sweep()
    assert set(harness.cluster.blobs) == set(damaged.files)
    with pytest.raises(NotFound):
        await services.attachments.get(unwanted.id, caller)


async def test_an_unclaimed_picture_is_removed_after_a_day(harness: MediaHarness) -> None:
    clock = [1_000_000.0 * HOUR]
    service = harness.media.service
    services = MediaServices(harness, lambda: clock[0])
    caller = await service.token_verifier.verify(harness.ann)
    await services.sweep()
    wanted, unwanted = [
        await services.attachments.upload(PHOTO, caller, description="", focus=(0.0, 0.0))
        for _ in range(2)
    ]
    await services.attachments.claim(POST, [wanted.id], caller)
    clock[0] += 24 * HOUR
    await services.sweep()
    assert len(harness.cluster.blobs) == 6
    clock[0] += HOUR
    await services.sweep()
    assert set(harness.cluster.blobs) == set(wanted.files)
    state = harness.cluster.state("media")
    progress = state.peek("swept:all")
    await services.sweep()
    assert state.peek("swept:all") == progress
    with pytest.raises(NotFound):
        await services.attachments.get(unwanted.id, caller)
    assert (await services.attachments.get(wanted.id, caller)).id == wanted.id


# ── profile images and deleted users ─────────────────────────────────────────────────────────


async def portrait(harness: MediaHarness, kind: str = "avatar") -> str:
    answer = await harness.media.call(
        "POST", "/portraits", token=harness.ann, data=PHOTO, params={"kind": kind}
    )
    assert answer.status == 200, answer.text
    name: str = answer.json()["name"]
    return name


async def shows(
    harness: MediaHarness, version: int, *, deleted: bool = False, **names: str
) -> None:
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
    await harness.cluster.broker.publish("accounts", [event])
    for _ in range(4):
        await harness.cluster.settle()


async def test_a_replaced_profile_image_is_removed(harness: MediaHarness) -> None:
    first, second, header = [await portrait(harness, k) for k in ("avatar", "avatar", "header")]
    await shows(harness, 2, avatar=first)
    assert set(harness.cluster.blobs) == {first, second, header}  # the later ones may yet be shown
    await shows(harness, 3, avatar=second)
    await shows(harness, 2, avatar=first)  # late, and old
    assert set(harness.cluster.blobs) == {second, header}
    await shows(harness, 4, header=header)
    assert set(harness.cluster.blobs) == {header}


async def test_an_unused_profile_image_is_removed_after_a_day(harness: MediaHarness) -> None:
    clock = [1_800_000_000.0]
    services = MediaServices(harness, lambda: clock[0])
    caller = await harness.media.service.token_verifier.verify(harness.ann)
    await services.sweep()
    shown = await services.profile_images.upload(PHOTO, "avatar", caller)
    forgotten = await services.profile_images.upload(PHOTO, "avatar", caller)
    await services.profile_images.on_profile_changed(ANN, (shown,), 2, deleted=False)
    assert set(harness.cluster.blobs) == {shown, forgotten}
    clock[0] += 25 * HOUR
    await services.sweep()
    assert set(harness.cluster.blobs) == {shown}


async def test_all_pictures_of_a_deleted_user_are_removed(harness: MediaHarness) -> None:
    claimed, _ = await harness.picture("at sea"), await portrait(harness)
    for _ in range(25):
        await harness.picture("at sea")
    await harness.claim(POST, [claimed])
    waiting = await harness.picture("at sea")
    await harness.claim(EARLIER_POST, [waiting])
    await release(harness, EARLIER_POST)
    bobs = (await harness.upload(harness.bob)).json()["original"]
    await shows(harness, 5, deleted=True)
    for _ in range(4):
        await harness.cluster.settle()
    assert {name for name in harness.cluster.blobs if not name.startswith(bobs[:18])} == set()
    state = harness.cluster.state("media")
    assert not any("at sea" in str(state.peek(key)) for key in state.keys("attachment:"))
    assert (await harness.upload()).status == 401
    refused = await harness.media.call(
        "POST", "/portraits", token=harness.ann, data=PHOTO, params={"kind": "avatar"}
    )
    assert refused.status == 401
    assert len(harness.cluster.blobs) == 3
