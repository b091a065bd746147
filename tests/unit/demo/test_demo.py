"""The demo is made up the same way at every run."""

from __future__ import annotations

import io
import itertools
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from services.contracts.limits import (
    MAX_DISPLAY_NAME_CHARACTERS,
    MAX_NOTE_CHARACTERS,
    MAX_POST_CHARACTERS,
    MAX_TITLE_CHARACTERS,
)
from tools.demo import image_generator
from tools.demo.command import fill_demo
from tools.demo.dataset import MAX_PEOPLE, PICTURED, PRODUCTS, DemoDataset
from tools.demo.shop_seeder import list_products, plan_purchases
from tools.runner.config.paths import RunDir
from tools.runner.errors import RunnerError


@pytest.mark.parametrize("motif", image_generator.MOTIFS)
def test_pictures_are_valid_distinct_and_reproducible(motif: str) -> None:
    drawn = [image_generator.draw(motif, seed) for seed in range(3)]
    assert len(set(drawn)) == 3
    assert drawn[0] == image_generator.draw(motif, 0)
    assert Image.open(io.BytesIO(drawn[0])).size in image_generator.SIZES
    assert motif in PICTURED


def test_portraits_and_headers_are_pictures() -> None:
    assert Image.open(io.BytesIO(image_generator.portrait(1))).size == (400, 400)
    assert Image.open(io.BytesIO(image_generator.header(1))).size == (1500, 500)
    assert image_generator.portrait(1) == image_generator.portrait(1) != image_generator.portrait(2)


def test_a_larger_demo_holds_a_smaller_one() -> None:
    small, large = DemoDataset(5), DemoDataset(9)
    assert large.people[:5] == small.people
    pairs: list[Callable[[DemoDataset], list[object]]] = [
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
    people = DemoDataset(MAX_PEOPLE).people
    assert len({person.username for person in people}) == MAX_PEOPLE
    for person in people:
        assert len(person.username) <= 30
        assert person.username.replace("_", "").isalnum()
        assert len(person.name) <= MAX_DISPLAY_NAME_CHARACTERS
        assert len(person.note) <= MAX_NOTE_CHARACTERS
        captions = [post.caption for post in person.posts]
        assert len(set(captions)) == len(captions)
        assert all(
            len(caption) <= MAX_POST_CHARACTERS and "{" not in caption for caption in captions
        )
    said = [(person, post) for person, post, _ in DemoDataset(20).comments()]
    assert len(set(said)) == len(said)
    assert all(person != post.author for person, post in itertools.islice(said, 50))


def test_shops_sell_different_products_and_no_one_buys_from_themselves() -> None:
    small, large = plan_purchases(DemoDataset(9)), plan_purchases(DemoDataset(15))
    assert any(small.values())
    for buyer, products in small.items():
        assert set(products) <= set(large[buyer])
        assert all(product.seller != buyer and product.seller.sells for product in products)
    for person in DemoDataset(MAX_PEOPLE).people:
        products = list_products(person)
        assert len({product.title for product in products}) == PRODUCTS
        assert all(len(p.title) <= MAX_TITLE_CHARACTERS and p.variants for p in products)


@pytest.mark.parametrize("people", [-1, 0, 1, 101])
def test_a_demo_has_people_and_not_too_many(people: int, tmp_path: Path) -> None:
    with pytest.raises(RunnerError, match="from 2 to 100"):
        fill_demo(RunDir(tmp_path), people, None)


def test_the_absence_of_a_system_is_reported(tmp_path: Path) -> None:
    with pytest.raises(RunnerError, match="nothing is running"):
        fill_demo(RunDir(tmp_path), 2, None)
    with pytest.raises(RunnerError, match="nothing answers at"):
        fill_demo(RunDir(tmp_path), 2, 1)
