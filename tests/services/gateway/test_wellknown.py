"""Well-known URLs."""

from __future__ import annotations

from xml.etree import ElementTree

from tests.mastodon.schemas import check
from tests.services.gateway.deployment import GatewayDeployment, deploy

METADATA = "/.well-known/oauth-authorization-server"
HOST = "127.0.0.1:8080"
XRD = "{http://docs.oasis-open.org/ns/xri/xrd-1.0}"


async def test_oauth_metadata_is_served_on_loopback(deployment: GatewayDeployment) -> None:
    for host in (HOST, "localhost:8080", "[::1]:8080", "127.8.0.1:8080"):
        answer = await deployment.ask("GET", METADATA, headers={"host": host})
        assert answer.status == 200, host
    assert answer.json()["token_endpoint"] == f"http://{HOST}/oauth/token"
    assert answer.json()["code_challenge_methods_supported"] == ["S256"]
    for name in ("authorization_endpoint", "token_endpoint", "revocation_endpoint"):
        path = answer.json()[name].removeprefix(f"http://{HOST}")
        assert (await deployment.ask("POST", path)).status in (400, 401, 422), name


async def test_oauth_metadata_is_hidden_without_tls_and_from_mastodon_py(
    deployment: GatewayDeployment,
) -> None:
    strangers = ("example.org", "10.0.0.7:8080", "127.0.0.1.example.org", "[", "")
    asked = [({"host": host}, 421) for host in strangers]
    for headers, status in (*asked, ({"host": HOST, "user-agent": "mastodonpy"}, 404)):
        refused = await deployment.ask("GET", METADATA, headers=headers)
        assert refused.status == status, headers
        check("Error", refused.json())


async def test_oauth_metadata_is_served_over_tls() -> None:
    for url, status in (("https://m.example", 200), ("http://m.example", 404)):
        async with deploy(microgram_public_url=url) as deployment:
            for agent in ("mastodonpy", "another"):
                headers = {"host": "m.example", "user-agent": agent}
                answer = await deployment.ask("GET", METADATA, headers=headers)
                assert answer.status == status
                if status == 200:
                    assert answer.json()["issuer"] == f"{url}/"
            local = await deployment.ask("GET", METADATA, headers={"host": HOST})
            assert local.status == 421


async def test_host_meta_links_to_webfinger(deployment: GatewayDeployment) -> None:
    template = f"http://{HOST}/.well-known/webfinger?resource={{uri}}"
    answer = await deployment.ask("GET", "/.well-known/host-meta")
    assert answer.headers["content-type"].startswith("application/xrd+xml")
    (link,) = ElementTree.fromstring(answer.text)  # noqa: S314 (our own)
    assert (link.tag, link.attrib) == (f"{XRD}Link", {"rel": "lrdd", "template": template})
    for path, accept in (("host-meta.json", "*/*"), ("host-meta", "application/json")):
        asked = await deployment.ask("GET", f"/.well-known/{path}", headers={"accept": accept})
        assert asked.json() == {"links": [{"rel": "lrdd", "template": template}]}
        assert asked.headers["content-type"] == "application/jrd+json"


WAYS = [
    f"acct:ada@{HOST}",
    f"acct:@ADA@{HOST}",
    f"ada@{HOST}",
    f"http://{HOST}/@ada",
    f"http://{HOST}/users/ada",
]
NOBODY = [f"acct:eve@{HOST}", "acct:ada@example.org", "ada", "acct:", "x:y", "@"]


async def test_webfinger_finds_local_accounts_only(deployment: GatewayDeployment) -> None:
    await deployment.register("ada")
    path = "/.well-known/webfinger"
    for resource in WAYS:
        answer = await deployment.ask("GET", path, params={"resource": resource})
        assert answer.status == 200, answer.text
        assert answer.headers["content-type"] == "application/jrd+json"
        assert answer.headers["access-control-allow-origin"] == "*"
        card = answer.json()
        assert card["subject"] == f"acct:ada@{HOST}"
        assert f"http://{HOST}/@ada" in card["aliases"]
    page = {"resource": WAYS[0], "rel": "http://webfinger.net/rel/profile-page"}
    (link,) = (await deployment.ask("GET", path, params=page)).json()["links"]
    assert link["href"] == f"http://{HOST}/@ada"
    for resource in NOBODY:
        refused = await deployment.ask("GET", path, params={"resource": resource})
        assert refused.status == 404, resource
        check("Error", refused.json())
    for nothing in (f"{path}?resource=", path):
        assert (await deployment.ask("GET", nothing)).status == 400
