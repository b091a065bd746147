"""The form of a product: what a seller types, and what it means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from services.contracts import limits
from services.contracts.catalog import (
    Currency,
    EditedProduct,
    EditedVariant,
    NewProduct,
    NewVariant,
    Product,
    Variant,
)
from services.gateway.http.params import RequestParams
from services.gateway.presentation.entities.shop import money
from services.gateway.web.amounts import parse_price
from services.gateway.web.texts import Texts

_SPARE_ROWS = 2
"""Empty rows for new variants below those that there are."""


@dataclass(slots=True)
class VariantRow:
    """A variant as it was typed, and what is wrong with it. Rows without an `id` are new ones."""

    id: str = ""
    name: str = ""
    price: str = ""
    stock: str = ""
    removed: bool = False
    fault: str = ""

    @property
    def is_used(self) -> bool:
        """Whether it stands for a variant of the product."""
        return not self.removed and bool(self.id or self.name.strip() or self.price.strip())


@dataclass(slots=True)
class PictureRow:
    """A picture of the product: its new description, or that it is to be removed."""

    id: str
    description: str = ""
    removed: bool = False


@dataclass(slots=True)
class ProductForm:
    """All that was typed. `faults` are sentences by field."""

    title: str = ""
    description: str = ""
    rows: list[VariantRow] = field(default_factory=list)
    pictures: list[PictureRow] = field(default_factory=list)
    faults: dict[str, str] = field(default_factory=dict)

    @classmethod
    def empty(cls) -> ProductForm:
        """The form of a new product."""
        return cls()._with_spare_rows()

    @classmethod
    def of(cls, product: Product) -> ProductForm:
        """The form of a product as it is."""
        rows = [_row(variant, product.currency) for variant in product.variants]
        pictures = [PictureRow(one.id, one.description) for one in product.pictures]
        return cls(product.title, product.description, rows, pictures)._with_spare_rows()

    @classmethod
    def read(cls, body: RequestParams) -> ProductForm:
        """The form as it was sent. Raises `Invalid` for what no browser sends."""
        rows = [
            VariantRow(
                id=row.string("id"),
                name=row.string("name"),
                price=row.string("price"),
                stock=row.string("stock"),
                removed=bool(row.boolean("removed")),
            )
            for row in (body.objects("variants") or [])[: limits.MAX_VARIANTS + _SPARE_ROWS]
        ]
        pictures = [
            PictureRow(row.string("id"), row.string("description"), bool(row.boolean("removed")))
            for row in (body.objects("pictures") or [])[: limits.MAX_PICTURES]
        ]
        form = cls(body.string("title"), body.string("description"), rows, pictures)
        return form._with_spare_rows()

    @property
    def is_valid(self) -> bool:
        """Whether nothing is wrong. Call `check` before."""
        return not self.faults and not any(row.fault for row in self.rows)

    @property
    def used_rows(self) -> list[VariantRow]:
        """The rows that stand for variants."""
        return [row for row in self.rows if row.is_used]

    def check(self, currency: Currency, texts: Texts) -> ProductForm:
        """Find what is wrong, as far as it can be said at a field. Catalog checks all of it."""
        if not self.title.strip():
            self.faults["title"] = texts("product_form.no_title")
        if not self.used_rows:
            self.faults["variants"] = texts("product_form.no_variant")
        for row in self.used_rows:
            if parse_price(row.price, currency) is None:
                example = money(2450, currency)["decimal"]
                row.fault = texts("product_form.wrong_price", example=example)
            elif parse_stock(row.stock or "0") is None:
                row.fault = texts("product_form.wrong_stock")
        return self

    def new(self, shop: str, currency: Currency, pictures: Sequence[str], key: str) -> NewProduct:
        """The new product. The form must be valid."""
        variants = [
            NewVariant(
                name=row.name,
                price=parse_price(row.price, currency) or 0,
                stock=parse_stock(row.stock) or 0,
            )
            for row in self.used_rows
        ]
        return NewProduct.model_construct(
            shop=shop,
            title=self.title,
            description=self.description,
            media_ids=list(pictures),
            variants=variants,
            idempotency_key=key[:200],
        )

    def edited(self, currency: Currency, pictures: Sequence[str] | None) -> EditedProduct:
        """The changes of a product. The form must be valid."""
        variants = [
            EditedVariant(
                id=row.id or None, name=row.name, price=parse_price(row.price, currency) or 0
            )
            for row in self.used_rows
        ]
        return EditedProduct.model_construct(
            title=self.title,
            description=self.description,
            media_ids=None if pictures is None else list(pictures),
            variants=variants,
            archived=None,
        )

    def _with_spare_rows(self) -> ProductForm:
        spare = sum(not (row.is_used or row.removed) for row in self.rows)
        for _ in range(_SPARE_ROWS - spare):
            if len(self.rows) < limits.MAX_VARIANTS:
                self.rows.append(VariantRow())
        return self


def parse_stock(text: str) -> int | None:
    """A number of pieces as it was typed. `None` if it is none."""
    text = text.strip()
    if not (text.isascii() and text.isdigit() and len(text) <= 10):
        return None
    return int(text) if int(text) <= limits.MAX_STOCK else None


def _row(variant: Variant, currency: Currency) -> VariantRow:
    return VariantRow(variant.id, variant.name, money(variant.price, currency)["decimal"])
