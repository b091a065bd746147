"""The demo is made up the same way at every run."""

from __future__ import annotations

import io
import itertools
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from services.contracts.limits import (
    CHARACTERS,
    DISPLAY_NAME_CHARACTERS,
    NOTE_CHARACTERS,
    TITLE_CHARACTERS,
)
from tools.demo import pictures
from tools.demo.cast import MOST, PICTURED, PRODUCTS, Cast
from tools.demo.demo import demo
from tools.demo.market import products_of, wishes
from tools.runner.errors import RunnerError
from tools.runner.paths import RunDir


@pytest.mark.parametrize("motif", pictures.MOTIFS)
def test_pictures_are_real_each_another_one_and_the_same_again(motif: str) -> None:
    drawn = [pictures.draw(motif, seed) for seed in range(3)]
    assert len(set(drawn)) == 3
    assert drawn[0] == pictures.draw(motif, 0)
    assert Image.open(io.BytesIO(drawn[0])).size in pictures.SIZES
    assert motif in PICTURED


def test_faces_and_headers_are_pictures() -> None:
    assert Image.open(io.BytesIO(pictures.portrait(1))).size == (400, 400)
    assert Image.open(io.BytesIO(pictures.header(1))).size == (1500, 500)
    assert pictures.portrait(1) == pictures.portrait(1) != pictures.portrait(2)


def test_a_larger_demo_holds_a_smaller_one() -> None:
    small, large = Cast(5), Cast(9)
    assert large.people[:5] == small.people
    pairs: list[Callable[[Cast], list[object]]] = [
        lambda cast: list(cast.follows()),
        lambda cast: list(cast.likes()),
        lambda cast: list(cast.boosts()),
        lambda cast: list(cast.comments()),
        lambda cast: list(cast.posts),
    ]
    for what in pairs:
        assert set(what(small)) <= set(what(large))
    assert list(small.follows())
    assert list(small.comments())


def test_people_and_posts_keep_the_rules_and_cannot_be_confused() -> None:
    people = Cast(MOST).people
    assert len({person.username for person in people}) == MOST
    for person in people:
        assert len(person.username) <= 30
        assert person.username.replace("_", "").isalnum()
        assert len(person.name) <= DISPLAY_NAME_CHARACTERS
        assert len(person.note) <= NOTE_CHARACTERS
        captions = [post.caption for post in person.posts]
        assert len(set(captions)) == len(captions)
        assert all(len(caption) <= CHARACTERS and "{" not in caption for caption in captions)
    said = [(person, post) for person, post, _ in Cast(20).comments()]
    assert len(set(said)) == len(said)
    assert all(person != post.author for person, post in itertools.islice(said, 50))


def test_shops_sell_different_things_and_nobody_buys_of_themself() -> None:
    small, large = wishes(Cast(9)), wishes(Cast(15))
    assert any(small.values())
    for buyer, products in small.items():
        assert set(products) <= set(large[buyer])
        assert all(product.seller != buyer and product.seller.sells for product in products)
    for person in Cast(MOST).people:
        products = products_of(person)
        assert len({product.title for product in products}) == PRODUCTS
        assert all(len(p.title) <= TITLE_CHARACTERS and p.variants for p in products)


@pytest.mark.parametrize("people", [-1, 0, 1, 101])
def test_a_demo_has_people_and_not_too_many(people: int, tmp_path: Path) -> None:
    with pytest.raises(RunnerError, match="from 2 to 100"):
        demo(RunDir(tmp_path), people, None)


def test_where_nothing_runs_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(RunnerError, match="nothing is running"):
        demo(RunDir(tmp_path), 2, None)
    with pytest.raises(RunnerError, match="nothing answers at"):
        demo(RunDir(tmp_path), 2, 1)
