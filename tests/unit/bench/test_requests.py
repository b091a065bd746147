from __future__ import annotations

from dataclasses import replace

import orjson
import pytest

from bench.requests import (
    FORM,
    IsPage,
    PreparedRequest,
    RequestBuilder,
    form,
    id_order,
    is_empty_object,
    is_post,
)
from bench.scenarios import (
    ACCOUNT,
    ACCOUNT_MISS,
    COMMENT,
    COMPOSE,
    FLOOR,
    FOLLOW,
    HOME,
    HOME_HTML_MISS,
    HOME_MISS,
    LIKE,
    MIX,
    NOTIFICATIONS,
    NOTIFICATIONS_MISS,
    PICTURE,
    SEARCH,
    THREAD,
    ScenarioData,
    ScenarioRequests,
    make_picture,
)

STAGE = ScenarioData("http://127.0.0.1:8080", ["t0", "t1"], ["10", "11"], [50, 3], [10, 0], seed=1)


def page(*ids: int) -> bytes:
    return orjson.dumps(
        [
            {"id": str(id), "spoiler_text": "", "created_at": "now", "account": {"acct": "ada"}}
            for id in ids
        ]
    )


def test_a_get_request_is_complete() -> None:
    request = RequestBuilder("http://127.0.0.1:8080").get("/ping", is_empty_object, "secret")
    assert request.payload == (
        b"GET /ping HTTP/1.1\r\nhost: 127.0.0.1:8080\r\naccept: application/json\r\n"
        b"authorization: Bearer secret\r\n\r\n"
    )


def test_a_post_request_has_a_content_length() -> None:
    body = form(status="a & b")
    sent = RequestBuilder("http://h:1").post("/p", body, FORM, is_post, "t").payload
    assert sent.endswith(b"content-length: %d\r\n\r\nstatus=a+%%26+b" % len(body))


def test_only_the_expected_response_of_the_floor_is_correct() -> None:
    assert is_empty_object(200, b"{}") == ""
    assert is_empty_object(200, b"[]")
    assert is_empty_object(503, b"{}").startswith("503")


def test_a_post_is_distinguished_from_an_error() -> None:
    assert is_post(200, b'{"id":"1","spoiler_text":""}') == ""
    assert "gone" in is_post(404, b'{"error":"gone"}')


def test_a_page_with_too_few_posts_is_an_error() -> None:
    assert IsPage(2)(200, page(3, 2)) == ""
    assert IsPage(3)(200, page(3, 2)) == "a page of 2 statuses, not of 3"
    assert IsPage(1)(429, b'{"error":"Too many requests"}').startswith("429")


def test_a_page_out_of_order_is_detected_eventually() -> None:
    check = IsPage(2)
    assert any(check(200, page(2, 3)) for _ in range(64))
    assert not any(check(200, page(3, 2)) for _ in range(64))


def test_home_timelines_are_requested_by_their_owners() -> None:
    requests = ScenarioRequests(STAGE)
    drawn = {requests.draw(HOME)().payload for _ in range(50)}
    assert len(drawn) == 2
    assert all(b"GET /api/v1/timelines/home?limit=20 " in sent for sent in drawn)


def test_people_come_back_to_the_same_pages() -> None:
    requests = social()
    for kind in (HOME, ACCOUNT, NOTIFICATIONS):
        assert len({requests.draw(kind)().payload for _ in range(50)}) == 2


@pytest.mark.parametrize("kind", [HOME_MISS, HOME_HTML_MISS, ACCOUNT_MISS, NOTIFICATIONS_MISS])
def test_a_missed_page_is_the_first_one_asked_for_as_a_later_one(kind: str) -> None:
    assert b"max_id=999999999999999999 " in line(social().draw(kind)())
    assert b"max_id" not in line(social().draw(kind.removesuffix("-miss"))())


def test_another_route_can_be_the_floor() -> None:
    data = replace(STAGE, floor_path="/v1.0/x", floor_headers={"dapr-api-token": "secret"})
    request = ScenarioRequests(data).draw(FLOOR)()
    assert request.payload.startswith(b"GET /v1.0/x HTTP/1.1")
    assert b"\r\ndapr-api-token: secret\r\n" in request.payload
    assert request.check(200, b'{"status":"ok"}') == ""
    assert request.check(200, b"[]")
    assert request.check(401, b"{}")


def test_ids_sort_by_age_whether_numbers_or_ulids() -> None:
    assert sorted(["10", "9", "11"], key=id_order) == ["9", "10", "11"]
    ulids = ["01HY0000000000000000000000", "01HX0000000000000000000000"]
    assert sorted(ulids, key=id_order) == ulids[::-1]


def test_the_floor_needs_no_token() -> None:
    assert b"authorization" not in ScenarioRequests(STAGE).draw(FLOOR)().payload


def test_the_mix_is_sixty_thirty_ten() -> None:
    requests = ScenarioRequests(STAGE)
    drawn = [requests.draw(MIX)().payload.split(b"\r\n")[0] for _ in range(2000)]
    shares = [
        sum(words in line for line in drawn) / len(drawn)
        for words in (b"/timelines/home", b"/statuses?", b"POST /api/v1/statuses")
    ]
    assert all(abs(got - due) < 0.05 for got, due in zip(shares, (0.6, 0.3, 0.1), strict=True))


def test_posts_know_their_author_and_differ() -> None:
    requests = ScenarioRequests(STAGE)
    first, second = requests.draw(COMPOSE)(), requests.draw(COMPOSE)()
    assert first.author in (0, 1)
    assert first.payload.rpartition(b"\r\n")[2] != second.payload.rpartition(b"\r\n")[2]


def test_a_post_follows_its_picture_by_the_same_person() -> None:
    data = ScenarioData(**STAGE.to_json() | {"picture": make_picture(64).hex()})
    upload = ScenarioRequests(data).draw(PICTURE)()
    assert upload.follow_up is not None
    post = upload.follow_up(b'{"id":"77"}')
    assert b"media_ids%5B%5D=77" in post.payload
    token = f"Bearer t{post.author}".encode()
    assert token in upload.payload
    assert token in post.payload


def test_pages_of_accounts_may_be_as_short_as_their_posts() -> None:
    requests = ScenarioRequests(STAGE)
    for request in (requests.draw(ACCOUNT)() for _ in range(20)):
        is_first = b"/accounts/10/" in request.payload
        assert request.check(200, page(*range(20, 10, -1))) == ""
        assert bool(request.check(200, page(1))) == is_first


GUESTS = [["20", "g0"], ["21", "g1"], ["22", "g2"]]


def social() -> ScenarioRequests:
    return ScenarioRequests(
        replace(
            STAGE,
            names=["ada", "bob"],
            posts=["5", "6"],
            notices=[30, 2],
            guests=GUESTS,
            thread="77",
            comments=3,
        )
    )


def line(request: PreparedRequest) -> bytes:
    return request.payload.split(b"\r\n")[0]


def test_likes_are_of_existing_posts() -> None:
    requests = social()
    drawn = {line(requests.draw(LIKE)()) for _ in range(30)}
    assert drawn == {
        b"POST /api/v1/statuses/5/favourite HTTP/1.1",
        b"POST /api/v1/statuses/6/favourite HTTP/1.1",
    }


def test_comments_answer_posts_and_count_as_posts_of_their_author() -> None:
    request = social().draw(COMMENT)()
    assert request.author in (0, 1)
    assert request.payload.rpartition(b"&")[2] in (b"in_reply_to_id=5", b"in_reply_to_id=6")


def test_side_accounts_follow_each_other_in_turn_and_then_unfollow() -> None:
    requests = social()
    drawn = [line(requests.draw(FOLLOW)()).split()[1].decode() for _ in range(13)]
    assert len(set(drawn[:6])) == 3
    assert all(path.endswith("/follow") for path in (*drawn[:6], drawn[12]))
    assert [path.replace("unfollow", "follow") for path in drawn[6:12]] == drawn[:6]
    request = requests.draw(FOLLOW)()
    assert request.check(200, b'{"id":"20","following":true}') == ""
    assert request.check(404, b'{"error":"Record not found"}')


def test_a_page_of_notifications_may_be_as_short_as_the_data() -> None:
    requests = social()
    for request in (requests.draw(NOTIFICATIONS)() for _ in range(20)):
        has_many = b"Bearer t0" in request.payload
        assert request.check(200, b'{"type":"follow"},' * 20) == ""
        assert bool(request.check(200, b'{"type":"follow"},' * 2)) == has_many
        assert request.check(500, b'{"type":"follow"},' * 20)


def test_a_search_finds_somebody() -> None:
    request = social().draw(SEARCH)()
    assert line(request).split(b"?")[1].split()[0] in (b"q=ada", b"q=bob")
    assert request.check(200, b'{"accounts":[{"id":"1"}],"statuses":[]}') == ""
    assert request.check(200, b'{"accounts":[],"statuses":[]}')


def test_a_thread_has_all_its_comments() -> None:
    request = social().draw(THREAD)()
    assert line(request) == b"GET /api/v1/statuses/77/context HTTP/1.1"
    assert request.check(200, page(3, 2, 1)) == ""
    assert "2 times" in request.check(200, page(3, 2))
