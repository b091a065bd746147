"""What pages give to strangers and machines: feeds, linked data, what a device installs."""

from __future__ import annotations

import gzip
import json
import re
from xml.etree import ElementTree

from tests.services.gateway.browser import FormBrowser
from tests.services.gateway.deployment import GatewayDeployment

ATOM = "{http://www.w3.org/2005/Atom}"


async def test_the_feed_of_an_account_has_its_public_posts(deployment: GatewayDeployment) -> None:
    ada, bob = await deployment.register("ada"), await deployment.register("bob")
    picture = await ada.upload("Boats & sand")
    body = {"status": "Low <tide> \x07 #sea", "media_ids": [picture["id"]]}
    post = await ada.post("statuses", body)
    await ada.post("statuses", {"status": "Hidden", "spoiler_text": "Spiders"})
    await ada.post("statuses", {"status": "For friends", "visibility": "private"})
    await bob.post("statuses", {"status": "Of bob"})
    await ada.settled()
    answer = await deployment.ask("GET", "/@ada/feed.atom")
    assert answer.headers["content-type"].startswith("application/atom+xml")
    feed = ElementTree.fromstring(answer.text)  # noqa: S314 (our own answer)
    warned, plain = feed.findall(f"{ATOM}entry")
    assert (warned.findtext(f"{ATOM}title"), warned.find(f"{ATOM}content")) == ("Spiders", None)
    assert plain.findtext(f"{ATOM}id") == post["uri"]
    assert "Low &lt;tide&gt;" in (plain.findtext(f"{ATOM}content") or "")
    enclosure = plain.find(f"{ATOM}link[@rel='enclosure']")
    assert enclosure is not None
    assert enclosure.get("title") == "Boats & sand"
    assert 'type="application/atom+xml"' in (await deployment.ask("GET", "/@ada")).text
    assert (await deployment.ask("GET", "/@nobody/feed.atom")).status == 404


def linked_data(html: str) -> dict[str, object]:
    found = re.search(r'<script type="application/ld\+json">(.*?)</script>', html, re.DOTALL)
    assert found is not None
    data: dict[str, object] = json.loads(found[1])
    return data


async def test_a_post_describes_itself_to_machines(deployment: GatewayDeployment) -> None:
    ada = await deployment.register("ada")
    text = "</script><script>alert(1)</script>"
    post = await ada.post("statuses", {"status": text})
    veiled = await ada.post("statuses", {"status": "Hidden", "spoiler_text": "Spiders"})
    await ada.settled()
    page = (await deployment.ask("GET", f"/@ada/{post['id']}")).text
    assert "<script>alert" not in page
    data = linked_data(page)
    assert (data["@type"], data["articleBody"]) == ("SocialMediaPosting", text)
    page = (await deployment.ask("GET", f"/@ada/{veiled['id']}")).text
    assert linked_data(page)["headline"] == "Spiders"
    assert "Hidden" not in json.dumps(linked_data(page))


async def test_the_app_can_be_installed(deployment: GatewayDeployment) -> None:
    manifest = await deployment.ask("GET", "/manifest.webmanifest")
    assert manifest.headers["content-type"].startswith("application/manifest+json")
    for icon in manifest.json()["icons"]:
        assert (await deployment.ask("GET", icon["src"])).body.startswith(b"\x89PNG")
    worker = await deployment.ask("GET", "/sw.js")
    assert worker.headers["content-type"].startswith("text/javascript")
    assert "No connection" in (await deployment.ask("GET", "/offline")).text


async def test_a_fault_of_ours_is_a_page_to_browsers(deployment: GatewayDeployment) -> None:
    browser = await FormBrowser(deployment).sign_up("ada")
    users = next(one for one in deployment.cluster.running if one.name == "users")
    await users.kill()
    page = await browser.get("/explore")
    assert page.status == 503
    assert "Something went wrong" in page.text
    assert page.headers["content-type"].startswith("text/html")


async def test_pages_are_compressed_for_browsers_that_accept_it(
    deployment: GatewayDeployment,
) -> None:
    plain = await deployment.ask("GET", "/login")
    assert "content-encoding" not in plain.headers
    headers = {"accept-encoding": "br, gzip"}
    packed = await deployment.ask("GET", "/login", headers=headers)
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.headers["content-length"] == str(len(packed.body))
    assert "Accept-Encoding" in packed.headers["vary"]
    assert gzip.decompress(packed.body).decode() == plain.text
    entity = await deployment.ask("GET", "/api/v1/instance", headers=headers)
    assert "content-encoding" not in entity.headers
    searched = await deployment.ask(
        "GET", "/explore?q=a", headers={**headers, "cookie": "session=x"}
    )
    assert "content-encoding" not in searched.headers
    led = await deployment.ask("GET", "/users/ada", headers=headers)
    assert (led.status, led.body) == (302, b"")
