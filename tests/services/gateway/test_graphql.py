"""GraphQL queries, with the real services."""

from __future__ import annotations

from collections import Counter
from typing import Any

from tests.services.gateway.deployment import GatewayDeployment, SignedInUser
from tests.services.gateway.graphql_client import ask, invocations, refused, send

DEEP = """
query ($posts: Int = 5) {
  home(first: $posts) {
    edges {
      cursor
      node {
        html
        author {
          username
          relationship { following }
          posts(first: 3) {
            nodes {
              id
              comments(first: 3) { nodes { html author { username followersCount } } }
            }
          }
        }
      }
    }
  }
}
"""


async def some_people(deployment: GatewayDeployment) -> list[SignedInUser]:
    """Anna follows three users with posts, on which two others commented."""
    people = [await deployment.register(name) for name in ("anna", "ben", "cleo", "dora")]
    commenting = [await deployment.register(name) for name in ("eve", "fay")]
    anna, *others = people
    for other in others:
        await anna.post(f"accounts/{other.id}/follow")
    for author in people:
        for turn in range(5):
            post = await author.post("statuses", {"status": f"{author.username} {turn}"})
            for other in commenting:
                answer = {"status": f"I see, {other.username}", "in_reply_to_id": post["id"]}
                await other.post("statuses", answer)
    await deployment.cluster.settle()
    return people


async def test_a_level_is_one_invocation_of_each_service(deployment: GatewayDeployment) -> None:
    anna, *_ = await some_people(deployment)
    await ask(deployment, "{ viewer { person { id } } }", anna.token)
    async with invocations(deployment) as one:
        await ask(deployment, DEEP, anna.token, posts=1)
    async with invocations(deployment) as many:
        found = await ask(deployment, DEEP, anna.token, posts=20)
    authors = [edge["node"]["author"] for edge in found["home"]["edges"]]
    assert len(authors) == 20
    assert {author["username"] for author in authors} == {"anna", "ben", "cleo", "dora"}
    comments = [
        comment
        for author in authors
        for post in author["posts"]["nodes"]
        for comment in post["comments"]["nodes"]
    ]
    assert len(comments) > 20
    assert all(comment["author"]["username"] in ("eve", "fay") for comment in comments)
    assert Counter(many) == {"feed": 2, "users": 2, "comments": 1, "posts": 1}
    assert Counter(one) <= Counter(many)


async def test_graphql_and_rest_return_the_same_data(deployment: GatewayDeployment) -> None:
    anna, ben, *_ = await some_people(deployment)
    picture = await ben.upload("a bridge")
    made = await ben.post("statuses", {"status": "look #Bridges", "media_ids": [picture["id"]]})
    await anna.post(f"statuses/{made['id']}/favourite")
    await deployment.cluster.settle()
    query = """
    query ($id: ID!) {
      post(id: $id) {
        id html text visibility language createdAt url favouritesCount favourited
        tags { name url } pictures { id url description width }
        author { id username displayName noteHtml avatarUrl url followersCount postsCount
                 relationship { following followedBy } }
      }
    }
    """
    post = (await ask(deployment, query, anna.token, id=made["id"]))["post"]
    status = await anna.get(f"statuses/{made['id']}")
    assert post["html"] == status["content"]
    assert post["text"] == "look #Bridges"
    assert post["visibility"] == "PUBLIC"
    for ours, theirs in (
        ("id", "id"),
        ("createdAt", "created_at"),
        ("url", "url"),
        ("favouritesCount", "favourites_count"),
        ("favourited", "favourited"),
        ("tags", "tags"),
    ):
        assert post[ours] == status[theirs]
    assert post["pictures"][0]["url"] == status["media_attachments"][0]["url"]
    assert post["pictures"][0]["description"] == "a bridge"
    author, account = post["author"], status["account"]
    for ours, theirs in (
        ("id", "id"),
        ("username", "acct"),
        ("displayName", "display_name"),
        ("noteHtml", "note"),
        ("avatarUrl", "avatar"),
        ("url", "url"),
        ("followersCount", "followers_count"),
        ("postsCount", "statuses_count"),
    ):
        assert author[ours] == account[theirs]
    assert author["relationship"] == {"following": True, "followedBy": False}


PAGE = """
query ($first: Int, $after: String, $last: Int, $before: String) {
  publicPosts(first: $first, after: $after, last: $last, before: $before) {
    edges { cursor node { id } }
    nodes { id }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
  }
}
"""


async def test_pages_continue_to_the_end_and_back(deployment: GatewayDeployment) -> None:
    anna = await deployment.register("anna")
    posts = [(await anna.post("statuses", {"status": f"{n}"}))["id"] for n in range(7)]
    await deployment.cluster.settle()
    newest_first = posts[::-1]
    seen: list[str] = []
    cursor = None
    while True:
        page = (await ask(deployment, PAGE, first=3, after=cursor))["publicPosts"]
        ids = [edge["node"]["id"] for edge in page["edges"]]
        assert ids == [node["id"] for node in page["nodes"]]
        assert page["pageInfo"]["hasPreviousPage"] == (cursor is not None)
        seen += ids
        cursor = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    assert seen == newest_first
    back = (await ask(deployment, PAGE, last=2, before=newest_first[4]))["publicPosts"]
    assert [edge["node"]["id"] for edge in back["edges"]] == newest_first[2:4]


OF_ANNA = (
    "publicPosts(PAGE)",
    "home(PAGE)",
    'taggedPosts(tag: "sea", PAGE)',
    "favourites(PAGE)",
    "bookmarks(PAGE)",
    "followRequests(PAGE)",
    "notifications(types: [FOLLOW], PAGE)",
    'searchPeople(query: "reader", PAGE)',
    'person(username: "anna") { posts(PAGE) }',
    'person(username: "anna") { followers(PAGE) }',
    'person(username: "anna") { following(PAGE) }',
    'post(id: "POST") { favouritedBy(PAGE) }',
    'post(id: "POST") { rebloggedBy(PAGE) }',
)
OF_BEN = ("blocks(PAGE)", "mutes(PAGE)")


async def test_the_last_page_of_every_list_has_no_next_page(
    deployment: GatewayDeployment,
) -> None:
    anna, ben = await deployment.register("anna"), await deployment.register("ben")
    readers = [await deployment.register(f"reader{n}") for n in range(3)]
    others = [await deployment.register(f"other{n}") for n in range(3)]
    posts = [(await anna.post("statuses", {"status": f"#sea {n}"}))["id"] for n in range(3)]
    for reader, other, post in zip(readers, others, posts, strict=True):
        await reader.post(f"accounts/{anna.id}/follow")
        await anna.post(f"accounts/{other.id}/follow")
        await anna.post(f"statuses/{post}/favourite")
        await anna.post(f"statuses/{post}/bookmark")
        await reader.post(f"statuses/{posts[0]}/reblog")
        await ben.post(f"accounts/{reader.id}/block")
        await ben.post(f"accounts/{other.id}/mute")
    for reader in readers[1:]:  # with Anna three
        await reader.post(f"statuses/{posts[0]}/favourite")
    lock = "mutation { updateProfile(changes: {locked: true}) { person { locked } } }"
    await ask(deployment, lock, anna.token)
    await deployment.cluster.settle()
    for other in others:
        await other.post(f"accounts/{anna.id}/follow")
    await deployment.cluster.settle()

    async def page(reader: SignedInUser, field: str, first: int) -> tuple[int, bool]:
        shown = f"first: {first}) {{ edges {{ cursor }} pageInfo {{ hasNextPage }} }}"
        query = field.replace("PAGE)", shown).replace("POST", posts[0])
        found = await ask(deployment, f"{{ {query} }}", reader.token)
        while "edges" not in found:
            (found,) = found.values()
        return len(found["edges"]), found["pageInfo"]["hasNextPage"]

    for reader, field in [*((anna, field) for field in OF_ANNA), *((ben, f) for f in OF_BEN)]:
        pages = [await page(reader, field, first) for first in (2, 3, 40)]
        assert pages == [(2, True), (3, False), (3, False)], field


async def test_the_last_page_of_the_largest_size_has_no_next_page(
    deployment: GatewayDeployment,
) -> None:
    anna = await deployment.register("anna")
    await deployment.cluster.settle()
    page = "pageInfo { hasNextPage }"
    query = f"""
    {{
      home(first: 40) {{ {page} }}
      blocks(first: 80) {{ {page} }}
      notifications(first: 80) {{ {page} }}
      searchPeople(query: "nobody", first: 80) {{ {page} }}
    }}
    """
    found = await ask(deployment, query, anna.token)
    assert all(not listed["pageInfo"]["hasNextPage"] for listed in found.values())


async def test_comments_are_in_reading_order_and_paged(deployment: GatewayDeployment) -> None:
    anna, ben = await deployment.register("anna"), await deployment.register("ben")
    top = (await anna.post("statuses", {"status": "top"}))["id"]
    answers = []
    for turn in range(5):
        body = {"status": f"answer {turn}", "in_reply_to_id": top}
        answers.append((await ben.post("statuses", body))["id"])
    below = {"status": "below the first", "in_reply_to_id": answers[0]}
    answers.insert(1, (await anna.post("statuses", below))["id"])
    await deployment.cluster.settle()
    query = """
    query ($id: ID!, $after: String) {
      post(id: $id) {
        commentsCount
        comments(first: 4, after: $after) {
          nodes { id inReplyToId inReplyTo { id author { username } } ancestors { id } }
          pageInfo { hasNextPage endCursor }
        }
      }
    }
    """
    post = (await ask(deployment, query, id=top))["post"]
    assert post["commentsCount"] == 5
    first = post["comments"]
    assert [node["id"] for node in first["nodes"]] == answers[:4]
    assert [node["id"] for node in first["nodes"][1]["ancestors"]] == [top, answers[0]]
    assert first["nodes"][1]["inReplyTo"] == {"id": answers[0], "author": {"username": "ben"}}
    assert first["pageInfo"]["hasNextPage"]
    rest = (await ask(deployment, query, id=top, after=first["pageInfo"]["endCursor"]))["post"]
    assert [node["id"] for node in rest["comments"]["nodes"]] == answers[4:]
    assert not rest["comments"]["pageInfo"]["hasNextPage"]
    assert await refused(deployment, query, id=top, after="1") == "BAD_USER_INPUT"


async def test_lists_of_people_and_interactions(deployment: GatewayDeployment) -> None:
    anna, ben, *_ = await some_people(deployment)
    post = (await ben.get(f"accounts/{ben.id}/statuses", exclude_replies="true"))[0]["id"]
    await anna.post(f"statuses/{post}/favourite")
    await anna.post(f"statuses/{post}/bookmark")
    boost = (await anna.post(f"statuses/{post}/reblog"))["id"]
    await ben.post(f"statuses/{post}/pin")
    await deployment.cluster.settle()
    query = """
    query ($id: ID!, $ben: String!) {
      favourites { nodes { id favourited } }
      bookmarks(first: 1) { nodes { id } pageInfo { endCursor hasNextPage } }
      blocks { nodes { id } } mutes { nodes { id } } followRequests { nodes { id } }
      viewer { note defaultVisibility person { following { nodes { username } } } }
      person(username: $ben) { followers { nodes { username } } pinnedPosts { id pinned } }
      searchPeople(query: "be", first: 1) { nodes { username } pageInfo { endCursor } }
      post(id: $id) {
        favouritedBy { nodes { username } }
        rebloggedBy { nodes { username } }
        history { html }
        reblogsCount
      }
    }
    """
    found = await ask(deployment, query, anna.token, id=post, ben="ben")
    assert found["favourites"]["nodes"] == [{"id": post, "favourited": True}]
    assert found["bookmarks"]["nodes"] == [{"id": post}]
    assert found["blocks"]["nodes"] == found["mutes"]["nodes"] == []
    following = {node["username"] for node in found["viewer"]["person"]["following"]["nodes"]}
    assert following == {"ben", "cleo", "dora"}
    assert found["person"]["followers"]["nodes"] == [{"username": "anna"}]
    assert found["person"]["pinnedPosts"] == [{"id": post, "pinned": False}]
    assert found["searchPeople"]["nodes"] == [{"username": "ben"}]
    assert found["post"]["favouritedBy"]["nodes"] == [{"username": "anna"}]
    assert found["post"]["rebloggedBy"]["nodes"] == [{"username": "anna"}]
    assert len(found["post"]["history"]) == 1
    shown = await ask(
        deployment, "query($i:ID!){post(id:$i){reblogOf{id author{username}}}}", i=boost
    )
    assert shown["post"]["reblogOf"] == {"id": post, "author": {"username": "ben"}}


async def test_notifications_with_people_and_posts(deployment: GatewayDeployment) -> None:
    anna, ben = await deployment.register("anna"), await deployment.register("ben")
    post = (await anna.post("statuses", {"status": "like me"}))["id"]
    await ben.post(f"statuses/{post}/favourite")
    await ben.post(f"accounts/{anna.id}/follow")
    await deployment.cluster.settle()
    query = """
    query ($types: [NotificationType!]) {
      unreadNotifications
      notifications(types: $types) {
        nodes { type person { username } post { id author { username } } }
      }
    }
    """
    found = await ask(deployment, query, anna.token)
    liked = {
        "type": "favourite",
        "person": {"username": "ben"},
        "post": {"id": post, "author": {"username": "anna"}},
    }
    assert found["unreadNotifications"] == 2
    assert found["notifications"]["nodes"][1] == liked
    only = await ask(deployment, query, anna.token, types=["FAVOURITE"])
    assert only["notifications"]["nodes"] == [liked]
    await anna.post(f"accounts/{ben.id}/block")
    await deployment.cluster.settle()
    after = (await ask(deployment, query, anna.token))["notifications"]["nodes"]
    rest = await anna.get("notifications")
    assert len(after) == len(rest)


# ── who sees what ───────────────────────────────────────────────────────────────────────────────


async def test_visibility_is_the_same_as_in_rest(deployment: GatewayDeployment) -> None:
    anna, ben, cleo = [await deployment.register(name) for name in ("anna", "ben", "cleo")]
    await ben.post(f"accounts/{anna.id}/follow")
    await deployment.cluster.settle()
    made = {}
    for visibility in ("public", "unlisted", "private", "direct"):
        body = {"status": f"{visibility} for @ben", "visibility": visibility}
        made[visibility] = (await anna.post("statuses", body))["id"]
    secret = {"status": "nobody named", "visibility": "direct"}
    made["alone"] = (await anna.post("statuses", secret))["id"]
    await deployment.cluster.settle()
    query = """
    query ($ids: [ID!]!, $id: ID!) {
      posts(ids: $ids) { id }
      person(id: $id) { posts { nodes { id } } }
    }
    """
    for token in ("", anna.token, ben.token, cleo.token):
        seen = await ask(deployment, query, token, ids=list(made.values()), id=anna.id)
        listed = {node["id"] for node in seen["posts"]}
        for id in made.values():
            alone = await deployment.ask("GET", f"/api/v1/statuses/{id}", token)
            assert (alone.status == 200) == (id in listed)
            code = (
                await send(
                    deployment, token, query="query($i:ID!){post(id:$i){id}}", variables={"i": id}
                )
            ).json()
            assert ("errors" in code) == (id not in listed)
        page = await deployment.ask("GET", f"/api/v1/accounts/{anna.id}/statuses", token)
        nodes = seen["person"]["posts"]["nodes"]
        assert [node["id"] for node in nodes] == [status["id"] for status in page.json()]


async def test_an_invalid_token_rejects_the_request(deployment: GatewayDeployment) -> None:
    answered = await send(deployment, "not-a-token", query="{ publicPosts { nodes { id } } }")
    assert answered.status == 401
    assert answered.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


async def test_a_failed_field_leaves_the_others(deployment: GatewayDeployment) -> None:
    anna = await deployment.register("anna")
    query = '{ here: person(username: "anna") { username } gone: person(id: "1") { username } }'
    said = (await send(deployment, anna.token, query=query)).json()
    assert said["data"] == {"here": {"username": "anna"}, "gone": None}
    (error,) = said["errors"]
    assert error["path"] == ["gone"]
    assert error["extensions"] == {"code": "NOT_FOUND", "reason": "not_found"}


async def test_an_unavailable_service_reveals_nothing_internal(
    deployment: GatewayDeployment,
) -> None:
    anna = await deployment.register("anna")
    (users,) = [each for each in deployment.cluster.running if each.name == "users"]
    await users.stop()
    said: Any = (await send(deployment, anna.token, query="{ viewer { note } }")).json()
    (error,) = said["errors"]
    assert error["extensions"] == {"code": "UNAVAILABLE"}
    assert "users" not in error["message"]
    assert "sidecar" not in error["message"].lower()
