"""Data exports, also when processes fail."""

from __future__ import annotations

import asyncio
import io
import json
import zipfile
from typing import Any

import pytest

from services.chassis.errors import Unavailable
from services.media.exports import collector, domain
from tests.fakes import RunningReplica
from tests.fakes.waiting import until
from tests.services.gateway.deployment import PASSWORD, GatewayDeployment, SignedInUser, media_app
from tests.services.gateway.test_account_deletion import a_life, leave, picture_of
from tests.services.gateway.test_shop import sold
from tests.services.gateway.test_shop_orders import Market
from tests.services.orders.harness import eventually

pytestmark = pytest.mark.usefixtures("fast_exports")


@pytest.fixture
async def deployment(complete: GatewayDeployment) -> GatewayDeployment:
    return complete


async def ready(person: SignedInUser, state: str = "ready") -> dict[str, Any]:
    """Wait until an archive is in a state. Its progress never decreases."""
    before = 0
    async with asyncio.timeout(60):
        while True:
            export: dict[str, Any] = await person.get("export")
            assert before <= export["progress"] or export["state"] != "running"
            before = export["progress"]
            if export["state"] == state:
                return export
            await asyncio.sleep(0.05)


async def download(person: SignedInUser) -> dict[str, bytes]:
    answer = await person.ask("GET", "/api/v1/export/archive")
    assert answer.status == 200, answer.text
    assert answer.headers["content-length"] == str(len(answer.body))
    with zipfile.ZipFile(io.BytesIO(answer.body)) as archive:
        assert archive.testzip() is None
        assert len(archive.namelist()) == len(set(archive.namelist()))
        return {name: archive.read(name) for name in archive.namelist()}


def opened(files: dict[str, bytes], kind: str) -> list[Any]:
    """All records of a kind, from all of its files."""
    names = [n for n in sorted(files) if n == f"{kind}.json" or n.startswith(f"{kind}-0")]
    return [record for name in names for record in json.loads(files[name])]


def media_of(deployment: GatewayDeployment) -> RunningReplica:
    return next(one for one in deployment.cluster.running if one.name == "media")


def pieces(deployment: GatewayDeployment) -> list[str]:
    return [name for name in deployment.cluster.blobs if name.startswith("export-")]


async def test_an_archive_contains_all_data_of_the_user(deployment: GatewayDeployment) -> None:
    ada, bob, _, life = await a_life(deployment)
    edited = life["made"][0]["id"]
    await ada.ask("PUT", f"/api/v1/statuses/{edited}", json={"status": "second #sea"})
    await ada.post(f"statuses/{life['theirs']['id']}/reblog")
    await ada.post("tags/sea/follow")
    await bob.post(f"statuses/{edited}/favourite")
    await deployment.cluster.settle()
    asked = await ada.post("export")
    assert asked["state"] == "running"
    export = await ready(ada)
    assert export["url"] == "http://127.0.0.1:8080/api/v1/export/archive"
    assert (export["progress"], export["pictures"]) == (100, 3)
    files = await download(ada)

    account = json.loads(files["account.json"])
    assert account["login"]["email"] == "ada@example.org"
    assert account["profile"]["username"] == "ada"
    assert [one["kind"] for one in account["sessions"]] == ["app"]
    assert "id" not in account["sessions"][0]
    posts = {one["id"]: one for one in opened(files, "posts")}
    assert {one["kind"] for one in posts.values()} == {"post", "comment", "boost"}
    assert posts[edited]["text"] == "second #sea"
    assert [one["text"] for one in posts[edited]["earlier_versions"]] == ["first #sea"]
    assert posts[edited]["favourites"] == 1
    (direct,) = opened(files, "direct-posts")
    assert direct["text"] == "@bob psst"
    for kind in ("favourites", "bookmarks"):
        (mark,) = opened(files, kind)
        assert mark["url"] == f"http://127.0.0.1:8080/@bob/{life['theirs']['id']}"
    assert [one["username"] for one in opened(files, "following")] == ["bob"]
    assert [one["username"] for one in opened(files, "followers")] == ["bob"]
    assert [one["username"] for one in opened(files, "mutes")] == ["cyd"]
    assert [one["note"] for one in opened(files, "notes")] == ["odd"]
    assert [one["name"] for one in opened(files, "followed-tags")] == ["sea"]
    assert {one["type"] for one in opened(files, "notifications")} >= {"favourite", "follow"}
    pictures = opened(files, "pictures")
    assert {one["description"] for one in pictures} == {"boats", "never shown"}
    shown = posts[edited]["attachments"][0]["original"]
    for name in (shown, account["profile"]["avatar"], *(one["original"] for one in pictures)):
        assert files[f"pictures/{name}"] == deployment.cluster.blobs[name]
    for word in (b"password", b"argon2", b"mine"):
        assert all(word not in body for name, body in files.items() if name != "README.txt")


async def test_an_archive_contains_sales_and_purchases(deployment: GatewayDeployment) -> None:
    ada, bob = await deployment.register("ada"), await deployment.register("bob")
    picture = await ada.upload("glazed")
    product = await sold(deployment, ada, media_ids=[picture["id"]])
    market = Market(deployment, ada, bob, product)
    await market.fill()
    id = (await market.checkout()).json()["id"]

    async def completed() -> bool:
        await deployment.cluster.settle(1)
        return bool((await market.order(id))["state"] == "completed")

    await eventually(completed)
    await market.ask(bob, "PUT", "/cart", json={"items": [market.item | {"quantity": 1}]})
    await deployment.cluster.settle()
    sides = {}
    for person in (ada, bob):
        await person.post("export")
        await ready(person)
        sides[person.username] = await download(person)

    files = sides["ada"]
    (shop,) = opened(files, "shops")
    (mug,) = opened(files, "products")
    assert (shop["name"], mug["shop"], mug["title"]) == ("Pottery", shop["id"], "Mug")
    assert (mug["variants"][0]["price"], mug["variants"][0]["on_hand"]) == (2400, 1)
    original = mug["pictures"][0]["original"]
    assert files[f"pictures/{original}"] == deployment.cluster.blobs[original]
    (shown,) = opened(files, "pictures")
    assert (shown["original"], shown["post"]) == (original, product["id"])
    (order,) = opened(files, "sold")
    assert (order["id"], order["username"], order["total"]) == (id, "bob", 4800)
    (earned,) = opened(files, "earned")
    assert (earned["order"], earned["username"], earned["amount"]) == (id, "bob", 4656)
    assert opened(files, "cart") == opened(files, "bought") == opened(files, "paid") == []

    files = sides["bob"]
    assert opened(files, "shops") == opened(files, "products") == opened(files, "sold") == []
    (order,) = opened(files, "bought")
    assert (order["id"], order["username"], order["state"]) == (id, "ada", "completed")
    assert order["history"][-1]["what"] == "completed"
    (paid,) = opened(files, "paid")
    assert (paid["username"], paid["amount"], paid["currency"]) == ("ada", -4800, "EUR")
    (cart,) = opened(files, "cart")
    assert (cart["lines"][0]["title"], cart["total"]) == ("Mug", 2400)
    assert all(b"tok_" not in body for files in sides.values() for body in files.values())


async def test_long_lists_are_split_into_files(
    deployment: GatewayDeployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.chassis.data_export.PAGE_SIZE", 2)
    monkeypatch.setattr(collector, "MAX_PAGES_PER_FILE", 2)
    ada = await deployment.register("ada")
    made = [(await ada.post("statuses", {"status": f"number {n}"}))["id"] for n in range(9)]
    await deployment.cluster.settle()
    await ada.post("export")
    await ready(ada)
    files = await download(ada)
    assert [name for name in files if name.startswith("posts")] == [
        "posts-001.json",
        "posts-002.json",
        "posts-003.json",
    ]
    assert [one["id"] for one in opened(files, "posts")] == made[::-1]


async def test_an_empty_account_gets_an_archive(deployment: GatewayDeployment) -> None:
    ada = await deployment.register("ada")
    assert (await ada.ask("GET", "/api/v1/export")).status == 404
    assert (await ada.ask("GET", "/api/v1/export/archive")).status == 404
    await ada.post("export")
    await ready(ada)
    files = await download(ada)
    assert opened(files, "posts") == opened(files, "pictures") == []


async def test_an_archive_requires_the_owner_and_the_read_scope(
    deployment: GatewayDeployment,
) -> None:
    ada, bob = await deployment.register("ada"), await deployment.register("bob")
    await ada.post("export")
    export = await ready(ada)
    narrow = await deployment.log_in("ada", "read:statuses read:accounts")
    for method, path in (("POST", ""), ("GET", ""), ("GET", "/archive")):
        assert (await deployment.ask(method, f"/api/v1/export{path}")).status == 401
        assert (await deployment.ask(method, f"/api/v1/export{path}", narrow)).status == 403
    assert (await bob.ask("GET", "/api/v1/export/archive")).status == 404
    stolen = await media_of(deployment).call(
        "GET", f"/exports/{export['id']}/parts/0", token=bob.token
    )
    assert stolen.status == 404
    for name in pieces(deployment):
        assert (await deployment.ask("GET", f"/media/{name}")).status == 404


@pytest.mark.parametrize(
    "service", ["auth", "users", "posts", "notifications", "catalog", "orders", "payments"]
)
async def test_only_the_export_service_may_read_export_pages(
    deployment: GatewayDeployment, service: str
) -> None:
    kinds = {"auth": "login", "users": "profile", "posts": "directs"}
    kinds |= {"catalog": "products", "orders": "bought", "payments": "paid"}
    ada = await deployment.register("ada")
    path = f"/belongings/{ada.id}/{kinds.get(service, 'notifications')}"
    running = next(one for one in deployment.cluster.running if one.name == service)
    assert (await running.call("GET", path, caller="media")).status == 200
    for caller in ("gateway", "feed", "comments"):
        assert (await running.call("GET", path, caller=caller, token=ada.token)).status == 403
    assert (await running.call("GET", f"/belongings/{ada.id}/x", caller="media")).status == 404


async def test_one_archive_per_day(
    deployment: GatewayDeployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = await deployment.register("ada")
    first = await ada.post("export")
    assert (await ada.post("export"))["id"] == first["id"]
    await ready(ada)
    refused = await ada.ask("POST", "/api/v1/export")
    assert (refused.status, "already requested an archive" in refused.json()["error"]) == (
        429,
        True,
    )
    old = set(pieces(deployment))
    monkeypatch.setattr(domain, "REQUEST_INTERVAL", 0)
    assert (await ada.post("export"))["id"] != first["id"]
    await ready(ada)
    await download(ada)
    assert old.isdisjoint(pieces(deployment))


async def test_an_archive_expires(
    deployment: GatewayDeployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = await deployment.register("ada")
    await ada.post("export")
    assert (await ready(ada))["expires_at"]
    monkeypatch.setattr(domain, "ARCHIVE_TTL", 0)
    assert (await ready(ada, "expired"))["url"] is None
    await until(lambda: not pieces(deployment))
    assert (await ada.ask("GET", "/api/v1/export/archive")).status == 404
    assert not [key for key in deployment.cluster.state("media").keys("") if "export-piece" in key]


@pytest.mark.parametrize(
    ("call", "about", "nth", "after"),
    [
        ("compare_and_set", "exporting:", 1, True),
        ("compare_and_set", "export:", 1, True),
        ("compare_and_set", "export:", 4, False),
        ("compare_and_set", "export:", 9, True),
        ("compare_and_set", "export-piece:", 3, True),
        ("put_blob", "export-", 17, False),
        ("put_blob", "export-", 18, True),
    ],
)
async def test_an_interrupted_export_is_resumed(
    deployment: GatewayDeployment, call: str, about: str, nth: int, after: bool
) -> None:
    ada, _, _, life = await a_life(deployment)
    doomed = media_of(deployment)
    faults = doomed.sidecar.faults if call == "put_blob" else doomed.sidecar.state.faults
    faults.crash(call, about=about, nth=nth, after=after)
    asking = asyncio.ensure_future(ada.ask("POST", "/api/v1/export"))
    async with asyncio.timeout(30):
        await faults.dead.wait()
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    await doomed.kill()
    await deployment.cluster.start(media_app, "media")
    await deployment.cluster.start(media_app, "media")  # two of them, neither in the other's way
    await ada.ask("POST", "/api/v1/export")
    export = await ready(ada)
    files = await download(ada)
    assert {one["id"] for one in opened(files, "posts") + opened(files, "direct-posts")} == {
        one["id"] for one in life["made"]
    }
    assert export["pictures"] == len([name for name in files if name.startswith("pictures/")]) == 3


async def test_an_unavailable_service_delays_the_export(deployment: GatewayDeployment) -> None:
    ada, media = await deployment.register("ada"), media_of(deployment)
    trouble = Unavailable("not reachable")
    media.sidecar.faults.fail("invoke", about="posts/belongings", error=trouble, times=6)
    await ada.post("export")
    await ready(ada)
    assert await download(ada)


async def test_an_export_fails_after_a_day(
    deployment: GatewayDeployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada, media = await deployment.register("ada"), media_of(deployment)
    media.sidecar.faults.fail("invoke", about="auth/belongings", error=Unavailable("no"), times=3)
    monkeypatch.setattr(domain, "RETRY_TIMEOUT", -1)
    await ada.post("export")
    await ready(ada, "failed")
    assert (await ada.post("export"))["state"] == "running"
    await ready(ada)


@pytest.mark.parametrize("when", ["before", "meanwhile", "at its end", "after"])
async def test_deleting_the_account_deletes_the_archive(
    deployment: GatewayDeployment, when: str
) -> None:
    ada, *_ = await a_life(deployment)
    media = media_of(deployment)
    reached, goes_on = asyncio.Event(), asyncio.Event()

    async def wait(call: Any) -> None:
        if call.name == "put_blob" and when == "meanwhile":
            reached.set()
            await goes_on.wait()

    async def wait_at_the_end(call: Any) -> None:
        export = deployment.cluster.state("media").peek(f"export:{ada.id}")
        is_kept = call.name == "compare_and_set" and call.about[0].startswith("exported:")
        if when == "at its end" and is_kept and "'ready'" in str(export):
            media.sidecar.state.faults.before.remove(wait_at_the_end)
            reached.set()
            await goes_on.wait()

    media.sidecar.faults.before.append(wait)
    media.sidecar.state.faults.before.append(wait_at_the_end)
    if when != "before":
        await ada.post("export")
    if when in ("meanwhile", "at its end"):
        await reached.wait()
    if when == "after":
        await ready(ada)
    await leave(ada)
    goes_on.set()
    if when == "before":  # with a token that is good for some seconds more
        late = await media.call("POST", "/exports", token=ada.token)
        assert late.status in (401, 404)
    await until(lambda: not deployment.cluster.blobs and not _listed(deployment))
    assert (await media.call("GET", "/exports", token=ada.token)).status in (401, 404)
    assert PASSWORD not in str(deployment.cluster.state("media").peek(f"export:{ada.id}"))


def _listed(deployment: GatewayDeployment) -> int:
    """The number of open exports."""
    head = deployment.cluster.state("media").peek("exporting:all")
    return int(head["data"]["total"]) if head else 0


async def test_one_download_at_a_time(deployment: GatewayDeployment) -> None:
    ada = await deployment.register("ada")
    await picture_of(ada, "avatar")
    await ada.post("export")
    await ready(ada)
    gateway = deployment.gateway
    reached, goes_on = asyncio.Event(), asyncio.Event()

    async def wait(call: Any) -> None:
        if call.name == "invoke" and any("parts" in word for word in call.about):
            reached.set()
            await goes_on.wait()

    gateway.sidecar.faults.before.append(wait)
    at_once = asyncio.gather(*(ada.ask("GET", "/api/v1/export/archive") for _ in range(3)))
    await reached.wait()
    assert (await ada.ask("GET", "/api/v1/export/archive")).status == 429
    goes_on.set()
    assert sorted(answered.status for answered in await at_once) == [200, 429, 429]
    assert (await ada.ask("GET", "/api/v1/export/archive")).status == 200
