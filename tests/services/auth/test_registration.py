from __future__ import annotations

import asyncio
from typing import Any

import pytest

from services.chassis.security.token_verifier import TokenVerifier
from tests.services.auth.harness import PASSWORD, Auth
from tests.services.auth.test_sessions import session


def taken(body: dict[str, object]) -> object:
    return body["details"]


async def test_a_registration_is_published_without_secrets(auth: Auth) -> None:
    made = await auth.register("Ada", email="Ada@Example.org")
    assert made.status == 200
    assert made.json()["username"] == "Ada"
    assert made.json()["token"] is None
    await auth.cluster.settle()
    (event,) = auth.cluster.broker.events("logins")
    assert event["type"] == "login.registered"
    assert event["subject"] == made.json()["user_id"]
    public = {"user_id", "username", "created_at", "deleted", "role", "suspended", "locale"}
    assert event["data"].keys() == public
    user = auth.cluster.state("auth").peek(f"person:{event['subject']}")["data"]
    assert user["password_hash"].startswith("$argon2id$")
    assert PASSWORD not in str(user)


async def test_a_repeated_registration_reports_each_taken_field(auth: Auth) -> None:
    await auth.register("ada")
    again = await auth.register("ADA")
    assert again.status == 422
    assert again.json()["message"] == (
        "Validation failed: Username has already been taken, E-mail has already been taken"
    )
    assert taken(again.json()) == {
        "username": ["has already been taken"],
        "email": ["has already been taken"],
    }
    other = await auth.register("bob", email="ADA@example.org")
    assert taken(other.json()) == {"email": ["has already been taken"]}
    other = await auth.register("Ada", email="new@example.org")
    assert taken(other.json()) == {"username": ["has already been taken"]}
    assert (await auth.register("bob", email="new@example.org")).status == 200


async def test_losing_the_username_releases_the_address(auth: Auth) -> None:
    one, two = await asyncio.gather(
        auth.register("ada", email="one@example.org"),
        auth.register("ada", email="two@example.org"),
    )
    assert sorted((one.status, two.status)) == [200, 422]
    loser = "two" if one.status == 200 else "one"
    assert (await auth.register("bob", email=f"{loser}@example.org")).status == 200


@pytest.mark.parametrize("same_mail", [True, False])
async def test_concurrent_registrations_on_two_replicas_create_one_user(
    auth: Auth, *, same_mail: bool
) -> None:
    replicas = [auth, await auth.replica()]
    tries = [
        replicas[i % 2].register("ada", email="ada@example.org" if same_mail else f"a{i}@x.org")
        for i in range(10)
    ]
    answers = await asyncio.gather(*tries)
    assert sorted(answer.status for answer in answers) == [200] + [422] * 9
    await auth.cluster.settle()
    assert len(auth.cluster.broker.events("logins")) == 1
    app = await auth.app()
    assert (await auth.authorize(app, "ada")).status == 200


@pytest.mark.parametrize(
    ("key", "after"),
    [
        ("email:", False),
        ("email:", True),
        ("login:", False),
        ("login:", True),
        ("person:", False),
        ("person:", True),
    ],
)
async def test_a_crash_at_any_step_blocks_no_name(auth: Auth, key: str, *, after: bool) -> None:
    await auth.die_registering(key, after=after)
    other = await auth.replica()
    app = await other.app()
    registered = key == "person:" and after
    assert (await other.authorize(app, "ada")).status == (200 if registered else 401)
    again = await other.register("ada")
    assert again.status == (422 if registered else 200)
    assert (await other.authorize(app, "ada@example.org")).status == 200
    await auth.cluster.settle()


@pytest.mark.parametrize("key", ["login:", "person:"])
async def test_reservations_left_by_a_crash_expire_after_a_minute(auth: Auth, key: str) -> None:
    await auth.die_registering(key)
    other = await auth.replica()
    assert (await other.register("bob", email="ada@example.org")).status == 422
    other.clock.turn(61)
    assert (await other.register("bob", email="ada@example.org")).status == 200
    assert (await other.register("ada", email="new@example.org")).status == 200
    app = await other.app()
    assert (await other.authorize(app, "ada@example.org")).status == 200
    assert (await other.authorize(app, "ada")).status == 200


async def test_a_lost_response_of_the_store_creates_no_second_user(auth: Auth) -> None:
    for key in ("email:", "login:", "person:"):
        auth.running.sidecar.state.faults.fail("compare_and_set", about=key, after=True)
    assert (await auth.register("ada")).status == 200
    assert len(auth.cluster.state("auth").keys("person:")) == 1


async def test_a_registration_that_times_out_creates_no_user(auth: Auth) -> None:
    async def dawdle(call: object) -> None:
        if "login:ada" in str(call) and "compare_and_set" in str(call):
            auth.clock.turn(31)

    auth.running.sidecar.state.faults.after.append(dawdle)
    assert (await auth.register("ada")).status == 503
    assert not auth.cluster.state("auth").keys("person:")


async def test_an_app_gets_a_token_for_a_user_who_registers_through_it(auth: Auth) -> None:
    app = await auth.app("read write:accounts")
    token = await auth.app_token(app, "write:accounts")
    made = (await auth.register("ada", token)).json()
    assert made["token"]["scope"] == "read write:accounts"
    caller = await TokenVerifier(auth.cluster.sidecar("posts")).verify(
        made["token"]["access_token"]
    )
    assert (caller.user_id, caller.username) == (made["user_id"], "ada")
    assert caller.client_id == app["client_id"]


async def test_registration_needs_an_app_token_with_the_scope(auth: Auth) -> None:
    app = await auth.app("read write")
    assert (await auth.register("ada", await auth.app_token(app, "read"))).status == 403
    assert (await auth.register("ada", "nonsense")).status == 401
    assert not auth.cluster.state("auth").keys("person:")
    await auth.register("ada")
    assert (await auth.register("bob", await auth.token(app))).status == 403


async def test_invalid_registrations_change_nothing(auth: Auth) -> None:
    forms: list[dict[str, Any]] = [{"agreement": False}, {"agreement": None}]
    forms += [{"password": "short"}, {"password": "x" * 257}, {"email": "x"}]
    forms += [{"username": "admin"}, {"username": 7}]
    for form in forms:
        assert await bad(auth, form) == 422
    assert not auth.cluster.state("auth").keys("person:")
    assert not auth.cluster.state("auth").keys("email:")


async def test_an_unknown_locale_does_not_prevent_registration(auth: Auth) -> None:
    assert await bad(auth, {"locale": "x" * 30}) == 200


async def bad(auth: Auth, form: dict[str, Any]) -> int:
    whole = {"username": "ada", "email": "a@b.co", "password": PASSWORD, "agreement": True}
    return (await auth.ask("/registrations", **{**whole, **form})).status


async def test_a_password_that_is_easy_to_guess_is_refused_everywhere(auth: Auth) -> None:
    refused = await auth.register("ada", password="iloveyou2")
    assert refused.status == 422
    (said,) = refused.json()["details"]["password"]
    assert said.startswith("is too easy to guess (this is a very common password; ")
    await auth.register("ada")
    web = await session(auth, kind="web")
    form = {"current_password": PASSWORD, "password": "iloveyou2"}
    changed = await auth.ask("/passwords", web, **form)
    assert changed.json()["details"] == refused.json()["details"]
