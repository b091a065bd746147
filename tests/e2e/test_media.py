"""Pictures: upright, without metadata, bounded, described."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests
from PIL import Image

from tests.e2e import pictures
from tests.system import LoggedInUser, System, wait_until

SAME = 6.0
"""The difference (of 255) that scaling and another compression make at most."""


def fetched(url: str) -> bytes:
    reply = requests.get(url, timeout=60)
    assert reply.ok, f"{url}: {reply.status_code}"
    assert reply.headers["Content-Type"].startswith("image/"), reply.headers["Content-Type"]
    return reply.content


def test_every_photo_comes_out_upright_and_bare_of_metadata(
    anna: LoggedInUser, photos: list[Path]
) -> None:
    def upload(photo: Path) -> None:
        made = anna.upload(photo, description=f"photo {photo.stem}")
        assert made.type == "image"
        assert made.description == f"photo {photo.stem}"
        for url in (made.url, made.preview_url):
            data = fetched(url)
            assert pictures.traces(data) == [], f"{photo.name}: {url}"
            wrong = pictures.difference(pictures.pixels(data), pictures.upright(photo.read_bytes()))
            assert wrong < SAME, f"{photo.name} differs by {wrong:.1f}"
        with Image.open(io.BytesIO(fetched(made.url))) as image:
            assert image.size == (made.meta.original.width, made.meta.original.height)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(upload, photos))


def test_the_eight_orientations_look_the_same(anna: LoggedInUser, tmp_path: Path) -> None:
    views = [
        pictures.pixels(fetched(anna.upload(path).preview_url))
        for path in pictures.eight_orientations(tmp_path)
    ]
    assert len({view.size for view in views}) == 1
    assert max(pictures.difference(views[0], view) for view in views) < SAME


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "GIF"])
def test_other_formats_are_taken(anna: LoggedInUser, kind: str) -> None:
    data = pictures.encoded(kind)
    made = anna.client.media_post(io.BytesIO(data), mime_type=f"image/{kind.lower()}")
    wrong = pictures.difference(pictures.pixels(fetched(made.url)), pictures.upright(data))
    assert wrong < SAME


def test_an_upload_returns_its_sizes_and_a_blurhash_and_can_be_described_later(
    anna: LoggedInUser, picture: Path
) -> None:
    made = anna.upload(picture, focus=(0.5, -0.25))
    assert made.meta.original.width == 64
    assert made.meta.small.aspect == pytest.approx(64 / 48, abs=0.05)
    assert len(made.blurhash) > 10
    assert (made.meta.focus.x, made.meta.focus.y) == (0.5, -0.25)
    changed = anna.client.media_update(made.id, description="a house by the sea")
    assert changed.description == "a house by the sea"
    assert anna.client.media(made.id).description == "a house by the sea"
    posted = anna.client.status_post("", media_ids=[made.id])
    assert [m.description for m in posted.media_attachments] == ["a house by the sea"]


def test_the_old_upload_route_works_too(anna: LoggedInUser, picture: Path) -> None:
    with picture.open("rb") as file:
        made = anna.call("POST", "/api/v1/media", files={"file": file})
    assert made.status_code == 200
    assert made.json()["url"]


def test_a_picture_is_cached_for_long_and_cannot_run_as_a_page(
    system: System, anna: LoggedInUser, picture: Path
) -> None:
    made = anna.upload(picture)
    headers = requests.get(made.url, timeout=60).headers
    assert "max-age" in headers["Cache-Control"]
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_a_picture_belongs_to_who_uploaded_it(
    anna: LoggedInUser, ben: LoggedInUser, picture: Path
) -> None:
    made = anna.upload(picture)
    assert ben.call("GET", f"/api/v1/media/{made.id}").status_code == 404
    changed = ben.call("PUT", f"/api/v1/media/{made.id}", json={"description": "mine"})
    assert changed.status_code in (403, 404)
    taken = ben.call("POST", "/api/v1/statuses", json={"status": "x", "media_ids": [made.id]})
    assert taken.status_code in (403, 404, 422)
    assert ben.client.me().statuses_count == 0
    assert anna.client.media(made.id).description in (None, "")


def test_a_picture_goes_into_one_post_only(anna: LoggedInUser, picture: Path) -> None:
    made = anna.upload(picture)
    anna.client.status_post("first", media_ids=[made.id])
    again = anna.call("POST", "/api/v1/statuses", json={"status": "x", "media_ids": [made.id]})
    assert again.status_code == 422


def test_pictures_are_shown_to_nobody_between_delete_and_redraft(
    anna: LoggedInUser, picture: Path
) -> None:
    made = anna.upload(picture)
    first = anna.client.status_post("", media_ids=[made])
    known = {"If-None-Match": requests.get(made.url, timeout=60).headers["etag"]}
    assert requests.get(made.url, headers=known, timeout=60).status_code == 304
    deleted = anna.client.status_delete(first.id)
    assert requests.get(made.url, timeout=60).status_code == 404
    assert requests.get(made.url, headers=known, timeout=60).status_code == 404
    second = anna.client.status_post("again", media_ids=deleted.media_attachments)
    assert [one.id for one in second.media_attachments] == [made.id]
    assert requests.get(made.url, headers=known, timeout=60).status_code == 304
    anna.call("DELETE", f"/api/v1/statuses/{second.id}", params={"delete_media": "true"})
    wait_until(lambda: requests.get(made.url, timeout=60).status_code == 404)
    again = anna.call("POST", "/api/v1/statuses", json={"media_ids": [made.id]})
    assert again.status_code == 422
