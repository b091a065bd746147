"""The rules of carts and orders."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.chassis.errors import Conflict, Forbidden, Invalid, NotFound, ServiceError
from services.chassis.workflows.plan import CallActivity, ContinueAsNew, Plan, StepFailed
from services.contracts.limits import MAX_LINES, MAX_PIECES
from services.contracts.orders import Order as ViewContract
from services.orders.domain import carts, orders, saga, transitions
from services.orders.domain.carts import CartEntry, CartRecord
from services.orders.domain.orders import (
    FINAL_STATES,
    OrderItem,
    OrderLogEntry,
    OrderRecord,
    OrderTerms,
)
from services.orders.domain.views import order_view

NOW = "2026-05-10T05:12:31.402Z"


def new() -> OrderRecord:
    terms = OrderTerms(
        "1",
        "2",
        "3",
        "EUR",
        (OrderItem("4", "5", "a", "b", 2, 150), OrderItem("4", "6", "", "", 1, 1)),
    )
    return orders.place("9", terms, card="tok_ok", cart_revision=1, now=NOW)


# ── carts ───────────────────────────────────────────────────────────────────────────────────────


def test_an_item_added_twice_is_one_line() -> None:
    cart = carts.add(carts.add(None, CartEntry("1", "2", 3), "7"), CartEntry("1", "2", 4), "7")
    assert cart == CartRecord((CartEntry("1", "2", 7),), "7", 2)


def test_a_cart_has_items_of_one_shop_until_it_is_empty() -> None:
    cart = carts.add(None, CartEntry("1", "2", 1), "7")
    with pytest.raises(Conflict):
        carts.add(cart, CartEntry("3", "4", 1), "8")
    empty = carts.remove(cart, "2")
    assert carts.add(empty, CartEntry("3", "4", 1), "8").shop == "8"


def test_a_cart_has_limits() -> None:
    with pytest.raises(Invalid):
        carts.replace_items(None, [CartEntry("1", str(n), 1) for n in range(MAX_LINES + 1)], "7")
    with pytest.raises(Invalid):
        carts.replace_items(None, [CartEntry("1", "2", MAX_PIECES), CartEntry("1", "2", 1)], "7")
    with pytest.raises(NotFound):
        carts.set_quantity(None, "2", 1)


def test_a_cart_is_claimed_by_one_order_and_only_at_its_revision() -> None:
    cart, order = carts.add(None, CartEntry("1", "2", 1), "7"), new()
    taken = carts.claim(cart, order)
    assert taken == CartRecord((), "", 2, order)
    later = carts.add(cart, CartEntry("1", "3", 1), "7")
    assert carts.claim(later, order) == later
    refilled = carts.add(taken, CartEntry("1", "2", 1), "7")
    assert (refilled.order, len(refilled.items)) == (order, 1)
    another = replace(order, id="10", cart_revision=refilled.revision)
    assert carts.claim(refilled, another) == refilled
    assert carts.clear_claim(refilled, "10") == refilled
    free = carts.clear_claim(refilled, order.id)
    assert free == replace(refilled, order=None)
    assert carts.claim(free, another) == CartRecord((), "", 4, another)


# ── orders ──────────────────────────────────────────────────────────────────────────────────────


def test_a_new_order_costs_what_its_lines_cost() -> None:
    view = ViewContract.model_validate(order_view(new()))
    assert (view.state, view.total, view.paid) == ("placed", 301, False)
    assert [entry.what for entry in view.history] == ["placed"]


def test_only_buyer_and_seller_may_read_an_order() -> None:
    for order, viewer in ((new(), "4"), (None, "1")):
        with pytest.raises(NotFound):
            orders.require_party(order, viewer)


def test_only_the_buyer_cancels_and_only_the_seller_refunds() -> None:
    with pytest.raises(Forbidden):
        transitions.cancel(new(), "2", NOW)
    with pytest.raises(Forbidden):
        transitions.request_refund(transitions.complete(new(), NOW), "1", NOW)


def test_after_the_point_of_no_return_only_the_provider_reverses() -> None:
    order = transitions.begin_capture(new(), [], NOW)
    assert order.state == "paying"
    with pytest.raises(Conflict):
        transitions.cancel(order, "1", NOW)
    assert transitions.reverse(order, [], OrderLogEntry(orders.GAVE_UP, NOW)) == order
    assert transitions.reverse_refused_capture(order, "no", NOW).state == "ending"


def test_a_cancelled_order_cannot_be_completed() -> None:
    order = transitions.cancel(new(), "1", NOW)
    assert order.state == "ending"
    assert transitions.begin_capture(order, [], NOW) == order
    assert transitions.complete(order, NOW) == order
    assert transitions.cancel(order, "1", NOW) == order
    assert transitions.close(order, [], NOW).state == "cancelled"


def test_the_card_is_forgotten_at_the_end() -> None:
    assert transitions.complete(new(), NOW).card == ""
    assert transitions.close(transitions.cancel(new(), "1", NOW), [], NOW).card == ""


def test_the_number_of_refused_refunds_is_limited() -> None:
    order = transitions.complete(new(), NOW)
    for number in range(1, orders.MAX_REFUND_REQUESTS + 1):
        order = transitions.request_refund(order, "2", NOW)
        assert (order.state, order.refund_requests) == ("refunding", number)
        assert transitions.request_refund(order, "2", NOW) == order
        order = transitions.refuse_refund(order, number, "no", NOW)
        assert order.state == "completed"
    with pytest.raises(Conflict):
        transitions.request_refund(order, "2", NOW)


def deeds(order: OrderRecord, name: str) -> OrderRecord:
    marks = [OrderLogEntry(orders.RESERVED, NOW)]
    changed = {
        "paying": lambda: transitions.begin_capture(order, marks, NOW),
        "completed": lambda: transitions.complete(order, NOW),
        "gave up": lambda: transitions.reverse(
            order, marks, OrderLogEntry(orders.GAVE_UP, NOW, "why")
        ),
        "declined": lambda: transitions.reverse(order, marks, OrderLogEntry(orders.DECLINED, NOW)),
        "refused": lambda: transitions.reverse_refused_capture(order, "no", NOW),
        "closed": lambda: transitions.close(order, marks, NOW),
        "cancel": lambda: transitions.cancel(order, "1", NOW),
        "refund": lambda: transitions.request_refund(order, "2", NOW),
        "refund refused": lambda: transitions.refuse_refund(
            order, order.refund_requests, "no", NOW
        ),
        "refunded": lambda: transitions.finish_refund(order, marks, NOW),
    }
    try:
        return changed[name]()
    except ServiceError:
        return order


NAMES = st.sampled_from(
    [
        "paying",
        "completed",
        "gave up",
        "declined",
        "refused",
        "closed",
        "cancel",
        "refund",
        "refund refused",
        "refunded",
    ]
)


@given(st.lists(NAMES, max_size=40))
def test_the_log_stays_valid_after_any_sequence_of_transitions(names: list[str]) -> None:
    order = new()
    for name in names:
        before, order = order, deeds(order, name)
        assert order.log[: len(before.log)] == before.log  # events are only appended
        if before.is_final and before.state != "completed":
            assert order == before
        assert deeds(order, name) == order or name in ("refund", "refund refused")
    assert len(order.log) <= 12 + 2 * orders.MAX_REFUND_REQUESTS
    whats = [entry.what for entry in order.log]
    assert not ("completed" in whats and order.reversal)
    assert len(set(whats) & {"completed", "cancelled", "failed"}) <= 1
    assert order.is_final == (order.state in FINAL_STATES)
    ViewContract.model_validate(order_view(order))


def test_events_are_recorded_once() -> None:
    order = transitions.record(
        new(), [OrderLogEntry(orders.RESERVED, NOW), OrderLogEntry(orders.RESERVED, "later")]
    )
    assert [entry.at for entry in order.log] == [NOW, NOW]
    assert transitions.record(order, [OrderLogEntry(orders.RESERVED, "later")]) is order
    assert replace(order) == order


# ── the saga, step by step ──────────────────────────────────────────────────────────────────────


def played(plan: Plan, answers: dict[str, Any]) -> tuple[list[str], Any]:
    """The activities of a plan and its result. An answer may be an error."""
    done: list[str] = []
    step = next(plan)
    while True:
        try:
            if isinstance(step, CallActivity):
                done.append(step.activity)
                answer = answers.get(step.activity, {"word": "ok"})
                answer = answer.pop(0) if isinstance(answer, list) else answer
                step = plan.throw(answer) if isinstance(answer, StepFailed) else plan.send(answer)
            else:
                step = plan.send(None)
        except StopIteration as end:
            return done, end.value


FORWARD, BACK = ["reserve", "authorise", "confirm", "capture"], ["void", "release", "close"]
FAILED = StepFailed("x", "OutcomeUnknown", "no answer")


def test_the_saga_goes_forward_in_one_activity() -> None:
    assert played(saga.checkout("9"), {}) == (["advance"], "ok")
    assert played(saga.checkout("9"), {"advance": {"word": "over"}}) == (["advance"], "over")


@pytest.mark.parametrize("answer", [FAILED, {"word": "wait"}, {"word": "back"}])
def test_the_saga_goes_on_step_by_step_if_something_is_in_the_way(answer: Any) -> None:
    assert played(saga.checkout("9"), {"advance": answer}) == (["advance", *FORWARD], "ok")


def test_workflows_of_earlier_releases_find_their_steps() -> None:
    assert saga.CHECKOUT_BY_STEPS == "checkout"
    assert played(saga.checkout_by_steps("9"), {}) == (FORWARD, "ok")


@pytest.mark.parametrize("number", range(4))
def test_the_saga_compensates_from_every_step(number: int) -> None:
    done, word = played(saga.checkout_by_steps("9"), {FORWARD[number]: {"word": "back"}})
    assert (done, word) == ([*FORWARD[: number + 1], *BACK], "back")


@pytest.mark.parametrize("number", range(3))
def test_an_unanswered_step_is_given_up(number: int) -> None:
    answers = {FORWARD[number]: FAILED, "give_up": {"word": "back"}}
    assert played(saga.checkout_by_steps("9"), answers)[0] == [
        *FORWARD[: number + 1],
        "give_up",
        *BACK,
    ]


def test_a_checkout_that_cannot_be_given_up_goes_forward() -> None:
    done, word = played(saga.checkout_by_steps("9"), {"confirm": FAILED, "give_up": {"word": "ok"}})
    assert (done, word) == ([*FORWARD[:3], "give_up", "capture"], "ok")


@pytest.mark.parametrize("step", ["capture", *BACK, "give_up"])
def test_a_step_that_must_succeed_starts_the_plan_again(step: str) -> None:
    answers: dict[str, Any] = {step: FAILED}
    if step in BACK:
        answers["reserve"] = {"word": "back"}
    if step == "give_up":
        answers["reserve"] = FAILED
    assert played(saga.checkout_by_steps("9"), answers)[1] == ContinueAsNew("9")


def test_a_finished_order_needs_no_step() -> None:
    assert played(saga.checkout_by_steps("9"), {"reserve": {"word": "over"}}) == (
        ["reserve"],
        "over",
    )


def test_the_wait_for_a_pending_payment_is_limited() -> None:
    waits = [{"word": "wait"}] * 3 + [{"word": "ok"}]
    done, _ = played(saga.checkout_by_steps("9"), {"authorise": waits})
    assert done == ["reserve", *["authorise"] * 4, "confirm", "capture"]
    done, _ = played(
        saga.checkout_by_steps("9"), {"authorise": {"word": "wait"}, "give_up": {"word": "back"}}
    )
    assert done.count("authorise") == len(saga.POLL_DELAYS) + 1
    assert done[-4:] == ["give_up", *BACK]


def test_a_refund_gives_money_back_before_goods() -> None:
    given = {"order": "9", "number": 1}
    assert played(saga.refund(given), {}) == (["pay_back", "restock"], "ok")
    assert played(saga.refund(given), {"pay_back": {"word": "over"}}) == (["pay_back"], "over")
    assert played(saga.refund(given), {"restock": FAILED})[1] == ContinueAsNew(given)
