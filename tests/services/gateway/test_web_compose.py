"""New posts, edits and deletions in a browser without scripts."""

from __future__ import annotations

import asyncio
import re
from html import unescape
from typing import Any

import pytest

from services.chassis.errors import OutcomeUnknown, ServiceError, Unavailable
from services.contracts import limits
from tests.services.gateway.browser import HOST, FormBrowser
from tests.services.gateway.deployment import (
    PICTURE_BYTES,
    GatewayDeployment,
    SignedInUser,
    deploy,
    hidden,
    multipart,
)
from tests.services.gateway.test_shop import sold


@pytest.fixture
async def ada(deployment: GatewayDeployment) -> FormBrowser:
    return await FormBrowser(deployment).sign_up("ada")


@pytest.fixture
async def ben(deployment: GatewayDeployment) -> SignedInUser:
    return await deployment.register("ben")


def fields(html: str) -> dict[str, str]:
    """What a browser sends of the page's form that posts, without changes and without a button."""
    form = html.split('<form method="post" action="/new"')[1].split("</form>")[0]
    form = form.split("<template")[0] + form.split("</template>")[1]
    found = dict(re.findall(r'type="(?:hidden|text|number)" name="([^"]+)" value="([^"]*)"', form))
    found |= dict(re.findall(r'<textarea[^>]* name="([^"]+)"[^>]*>([^<]*)<', form))
    for name, options in re.findall(r'<select[^>]* name="([^"]+)">(.*?)</select>', form, re.DOTALL):
        chosen = re.findall(r'value="([^"]*)" selected', options)
        found[name] = chosen[0] if chosen else re.findall(r'value="([^"]*)"', options)[0]
    return {name: unescape(value) for name, value in found.items()}


async def sent(
    browser: FormBrowser,
    form: dict[str, str],
    files: dict[str, bytes] | None = None,
    action: str = "post",
) -> Any:
    """Send the form at /new as a browser does, with files, by one of its buttons."""
    content = multipart(form | {"action": action}, files or {})
    return await browser.api("POST", "/new", **content)


async def opened(browser: FormBrowser) -> dict[str, str]:
    page = await browser.get("/new")
    assert page.status == 200
    return fields(page.text)


async def statuses(browser: FormBrowser) -> list[Any]:
    """The posts of the browser's user, the newest first."""
    await browser.deployment.cluster.settle()
    me = (await browser.api("GET", "/api/v1/accounts/verify_credentials")).json()
    found: list[Any] = (await browser.api("GET", f"/api/v1/accounts/{me['id']}/statuses")).json()
    return found


async def test_one_form_posts_pictures_with_their_descriptions(ada: FormBrowser) -> None:
    form = await opened(ada)
    form |= {
        "text": "Low tide #sea\r\nat noon",
        "pictures[0][description]": "Boats",
        "pictures[1][description]": "Gulls",
        "visibility": "unlisted",
    }
    files = {"pictures[0][file]": PICTURE_BYTES, "pictures[1][file]": PICTURE_BYTES}
    led = await sent(ada, form, files)
    assert led.status == 303
    (post,) = await statuses(ada)
    assert led.headers["location"] == post["url"]
    assert [one["description"] for one in post["media_attachments"]] == ["Boats", "Gulls"]
    assert post["visibility"] == "unlisted"
    assert "#<span>sea</span></a><br />at noon" in post["content"]


async def test_pictures_are_uploaded_then_ordered_described_and_removed(ada: FormBrowser) -> None:
    form = await opened(ada)
    files = {f"pictures[{n}][file]": PICTURE_BYTES for n in range(3)}
    form |= {f"pictures[{n}][description]": f"Picture {n}" for n in range(3)}
    page = await sent(ada, form | {"text": "Soon"}, files, action="upload")
    assert page.status == 200
    form = fields(page.text)
    assert form["text"] == "Soon"
    assert form["pictures[2][id]"]
    form |= {"pictures[2][position]": "1", "pictures[0][remove]": "1"}
    form |= {"pictures[1][description]": "A gull", "pictures[1][focus]": "-1,1"}
    await sent(ada, form)
    (post,) = await statuses(ada)
    shown = post["media_attachments"]
    assert [one["description"] for one in shown] == ["Picture 2", "A gull"]
    assert shown[1]["meta"]["focus"] == {"x": -1.0, "y": 1.0}


async def test_wrong_files_are_said_beside_them_and_cost_nothing(ada: FormBrowser) -> None:
    form = await opened(ada)
    form |= {f"pictures[{n}][description]": f"Picture {n}" for n in range(3)}
    files = {
        "pictures[0][file]": PICTURE_BYTES,
        "pictures[1][file]": b"no picture",
        "pictures[2][file]": PICTURE_BYTES + bytes(20 << 20),
    }
    page = await sent(ada, form | {"text": "Low tide"}, files)
    assert page.status == 422
    assert "The file is not a picture." in page.text
    assert f"at most {limits.MAX_PICTURE_BYTES >> 20} MiB" in page.text
    assert await statuses(ada) == []
    kept = fields(page.text)
    assert kept["text"] == "Low tide"
    assert kept["key"] == form["key"]
    assert kept["pictures[0][id]"]
    assert [kept[f"pictures[{n}][description]"] for n in range(3)] == [
        "Picture 0",
        "Picture 1",
        "Picture 2",
    ]
    kept |= {"pictures[1][description]": "", "pictures[2][description]": ""}
    assert (await sent(ada, kept)).status == 303
    (post,) = await statuses(ada)
    assert [one["description"] for one in post["media_attachments"]] == ["Picture 0"]


async def test_a_description_without_a_file_is_not_lost(ada: FormBrowser) -> None:
    form = await opened(ada) | {"pictures[0][description]": "Boats", "text": "Low tide"}
    page = await sent(ada, form)
    assert page.status == 422
    assert "no picture. Choose a file" in page.text
    assert fields(page.text)["pictures[0][description]"] == "Boats"


async def test_a_text_that_is_too_long_is_shown_again(ada: FormBrowser) -> None:
    form = await opened(ada) | {"text": "x" * 2_201}
    page = await sent(ada, form, {"pictures[0][file]": PICTURE_BYTES})
    assert page.status == 422
    assert "The limit is 2200 characters" in page.text
    kept = fields(page.text)
    assert kept["text"] == form["text"]
    kept["text"] = "x"
    await sent(ada, kept)
    (post,) = await statuses(ada)
    assert len(post["media_attachments"]) == 1


async def test_two_clicks_make_one_post(ada: FormBrowser) -> None:
    """Also with files, which the second click uploads again."""
    form = await opened(ada) | {"text": "Low tide"}
    files = {"pictures[0][file]": PICTURE_BYTES}
    first, second = await asyncio.gather(*(sent(ada, form, files) for _ in range(2)))
    assert (first.status, second.status) == (303, 303)
    assert first.headers["location"] == second.headers["location"]
    assert len(await statuses(ada)) == 1


@pytest.mark.parametrize(
    ("error", "times"), [(Unavailable("it is away"), 3), (OutcomeUnknown("it is slow"), 1)]
)
async def test_a_failing_service_costs_nothing(
    ada: FormBrowser, error: ServiceError, times: int
) -> None:
    form = await opened(ada) | {"text": "Low tide", "pictures[0][description]": "Boats"}
    faults = ada.deployment.gateway.sidecar.faults
    faults.fail("invoke", about="posts/posts", error=error, times=times)
    page = await sent(ada, form, {"pictures[0][file]": PICTURE_BYTES})
    assert page.status == 503
    assert (await sent(ada, fields(page.text))).status == 303
    (post,) = await statuses(ada)
    assert [one["description"] for one in post["media_attachments"]] == ["Boats"]


async def test_changes_after_a_lost_answer_are_not_dropped_silently(ada: FormBrowser) -> None:
    form = await opened(ada) | {"text": "Low tide"}
    await sent(ada, form)
    page = await sent(ada, form | {"text": "High tide"})
    assert page.status == 422
    assert "It was posted already" in page.text
    again = fields(page.text)
    assert again["text"] == "High tide"
    assert (await sent(ada, again)).status == 303
    assert len(await statuses(ada)) == 2


async def test_products_are_found_and_tagged(ada: FormBrowser, ben: SignedInUser) -> None:
    mug = await sold(ada.deployment, ben, "Blue mug")
    await ben.settled()
    form = await opened(ada) | {"text": "Tea", "q": "mug"}
    page = await sent(ada, form, action="products")
    assert "Blue mug" in page.text
    kept = fields(page.text) | {"product_ids[]": mug["id"]}
    await sent(ada, kept)
    (post,) = await statuses(ada)
    assert [product["title"] for product in post["products"]] == ["Blue mug"]


async def test_an_empty_search_finds_own_products(ada: FormBrowser, ben: SignedInUser) -> None:
    await sold(ada.deployment, ben, "Blue mug")
    shop = {"name": "Paper", "currency": "EUR"}
    made = (await ada.api("POST", "/api/shop/v1/shops", json=shop)).json()
    card = {
        "shop": made["id"],
        "title": "Postcard",
        "variants": [{"name": "", "price": 200, "stock": 5}],
    }
    assert (await ada.api("POST", "/api/shop/v1/products", json=card)).status == 201
    await ben.settled()
    page = (await sent(ada, await opened(ada), action="products")).text
    assert "Postcard" in page
    assert "Blue mug" not in page


async def test_uploads_of_the_form_count_as_uploads() -> None:
    async with deploy(microgram_limit_media=2) as deployment:
        ada = await FormBrowser(deployment).sign_up("ada")
        files = {f"pictures[{n}][file]": PICTURE_BYTES for n in range(3)}
        page = await sent(ada, await opened(ada), files)
        assert page.status == 422
        assert "You uploaded too many pictures" in page.text
        assert await statuses(ada) == []


async def test_other_sites_cannot_post(ada: FormBrowser) -> None:
    form = await opened(ada) | {"text": "Not mine"}
    content = multipart(form, {})
    content["headers"] |= {"origin": "https://elsewhere.example"}
    assert (await ada.api("POST", "/new", **content)).status == 403
    assert await statuses(ada) == []


async def test_strangers_are_led_to_the_login(deployment: GatewayDeployment) -> None:
    stranger = FormBrowser(deployment)
    for path in ("/new", "/posts/7/edit", "/posts/7/delete"):
        assert (await stranger.get(path)).headers["location"] == f"/login?next={path}"
    answered = await sent(stranger, {"text": "x"})
    assert answered.headers["location"].startswith("/login")


async def test_an_edit_changes_texts_and_descriptions(ada: FormBrowser) -> None:
    form = await opened(ada) | {"text": "Low tide", "pictures[0][description]": "Boat"}
    led = await sent(ada, form, {"pictures[0][file]": PICTURE_BYTES})
    path = led.headers["location"].removeprefix(f"http://{HOST}")
    id = path.rpartition("/")[2]
    page = (await ada.get(f"/posts/{id}/edit")).text
    picture = re.findall(r'name="pictures\[0\]\[id\]" value="(\d+)"', page)[0]
    edit = {
        "text": "High tide",
        "spoiler_text": "Water",
        "pictures[0][id]": picture,
        "pictures[0][description]": "Boats",
        "pictures[0][focus]": "0,1",
    }
    wrong = await ada.send(f"/posts/{id}/edit", **edit | {"text": "x" * 3_000})
    assert wrong.status == 422
    assert "x" * 3_000 in wrong.text
    assert ">Boats</textarea>" in wrong.text
    assert (await ada.send(f"/posts/{id}/edit", **edit)).headers["location"].endswith(path)
    (post,) = await statuses(ada)
    assert "High tide" in post["content"]
    assert post["spoiler_text"] == "Water"
    shown = post["media_attachments"][0]
    assert (shown["description"], shown["meta"]["focus"]) == ("Boats", {"x": 0.0, "y": 1.0})
    history = (await ada.get(f"{path}/history")).text
    assert history.index("High tide") < history.index("Low tide")
    assert 'alt="Boat"' in history


def edit_form(page: str, **typed: str) -> dict[str, str]:
    """The fields of the form of an edit, with its version."""
    return {"version": hidden(page)["version"], "spoiler_text": ""} | typed


async def test_the_second_of_two_edits_is_asked_and_keeps_what_was_typed(ada: FormBrowser) -> None:
    id = (await ada.api("POST", "/api/v1/statuses", json={"status": "Low tide"})).json()["id"]
    address = f"/posts/{id}/edit"
    shown = (await ada.get(address)).text
    first = edit_form(shown, text="High tide")
    second = edit_form(shown, text="Spring tide")
    assert (await ada.send(address, **first)).status == 303
    assert (await ada.send(address, **first)).status == 303  # a repeat, whose answer was lost
    asked = await ada.send(address, **second)
    assert asked.status == 409
    assert ">Spring tide</textarea>" in asked.text
    assert ">High tide</q>" in asked.text
    assert "High tide" in (await statuses(ada))[0]["content"]
    again = edit_form(asked.text, text="Spring tide")
    assert (await ada.send(address, **again)).status == 303
    assert "Spring tide" in (await statuses(ada))[0]["content"]


async def test_of_two_edits_in_the_same_moment_one_is_asked(ada: FormBrowser) -> None:
    id = (await ada.api("POST", "/api/v1/statuses", json={"status": "Low tide"})).json()["id"]
    shown = (await ada.get(f"/posts/{id}/edit")).text
    forms = [edit_form(shown, text=text) for text in ("High tide", "Spring tide")]
    answers = await asyncio.gather(*(ada.send(f"/posts/{id}/edit", **form) for form in forms))
    assert sorted(answer.status for answer in answers) == [303, 409]


async def test_only_authors_edit_and_delete(ada: FormBrowser, ben: SignedInUser) -> None:
    post = await ben.post("statuses", {"status": "Low tide"})
    await ben.settled()
    for path in (f"/posts/{post['id']}/edit", f"/posts/{post['id']}/delete"):
        assert (await ada.get(path)).status == 403
    assert (await ada.send(f"/posts/{post['id']}/edit", text="Mine")).status == 403
    assert (await ada.send(f"/posts/{post['id']}/redraft", text="Mine")).status == 403
    hidden_post = await ben.post("statuses", {"status": "Secret", "visibility": "private"})
    for path in (f"/posts/{hidden_post['id']}/edit", f"/@ben/{hidden_post['id']}/history"):
        assert (await ada.get(path)).status == 404
    assert "Low tide" in (await ada.get(f"/@ben/{post['id']}")).text
    assert (await ada.get(f"/@ada/{post['id']}/history")).status == 404


async def test_a_redraft_keeps_text_and_pictures(ada: FormBrowser) -> None:
    form = await opened(ada) | {"text": "Low tide", "pictures[0][description]": "Boats"}
    led = await sent(ada, form, {"pictures[0][file]": PICTURE_BYTES})
    id = led.headers["location"].rpartition("/")[2]
    asked = (await ada.get(f"/posts/{id}/delete")).text
    hidden = asked.split(f'action="/posts/{id}/redraft"')[1].split("</form>")[0]
    draft = dict(re.findall(r'name="([^"]+)" value="([^"]*)"', hidden))
    for _ in range(2):  # the second time the post is gone: a reload loses nothing
        page = await ada.send(f"/posts/{id}/redraft", **draft)
        assert page.status == 200
        again = fields(page.text)
        assert again["text"] == "Low tide"
        assert again["pictures[0][description]"] == "Boats"
    assert await statuses(ada) == []
    assert (await sent(ada, again)).status == 303
    (post,) = await statuses(ada)
    assert post["id"] != id
    assert [one["description"] for one in post["media_attachments"]] == ["Boats"]


async def test_a_picture_of_somebody_else_is_not_posted(
    ada: FormBrowser, ben: SignedInUser
) -> None:
    picture = await ben.upload("Private")
    form = await opened(ada) | {"text": "Mine", "pictures[0][id]": picture["id"]}
    page = await sent(ada, form)
    assert page.status == 422
    assert "no longer on the server" in page.text
    assert await statuses(ada) == []
