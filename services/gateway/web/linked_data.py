"""What search engines read of a page: JSON-LD with the vocabulary of schema.org."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from services.contracts.accounts import Profile
from services.contracts.catalog import ProductView
from services.contracts.posts import Attachment, PostView
from services.gateway.presentation.entities.shop import money
from services.gateway.presentation.urls import PublicUrls
from services.gateway.web.texts import Texts

LinkedData = dict[str, Any]
_CONTEXT = "https://schema.org"
_STOCK = {True: "InStock", False: "OutOfStock"}


def post_data(view: PostView, author: Profile, at: PublicUrls, texts: Texts) -> LinkedData:
    """A post; of a sensitive one neither text nor pictures."""
    post, counts = view.post, view.counts
    data = {
        "@context": _CONTEXT,
        "@type": "SocialMediaPosting",
        "url": at.post(author.username, post.id),
        "datePublished": post.created_at,
        "dateModified": post.edited_at or post.created_at,
        "author": {
            "@type": "Person",
            "name": author.display_name or author.username,
            "url": at.account(author.username),
        },
        "interactionStatistic": [
            _counter("LikeAction", counts.favourites),
            _counter("CommentAction", counts.replies),
        ],
    }
    if post.sensitive or post.spoiler_text:
        return data | {"headline": post.spoiler_text or texts("post.sensitive_short")}
    return data | {"articleBody": post.text, "image": _images(post.attachments, at)}


def product_data(view: ProductView, at: PublicUrls) -> LinkedData:
    """A product with an offer for each variant."""
    product, available = view.product, view.available or {}
    offers = [
        {
            "@type": "Offer",
            "name": variant.name or product.title,
            "price": money(variant.price, product.currency)["decimal"],
            "priceCurrency": product.currency,
            "availability": f"{_CONTEXT}/{_STOCK[bool(available.get(variant.id))]}",
        }
        for variant in product.variants
    ]
    return {
        "@context": _CONTEXT,
        "@type": "Product",
        "name": product.title,
        "description": product.description,
        "url": at.product(product.id),
        "image": _images(product.pictures, at),
        "offers": offers,
    }


def _images(pictures: Sequence[Attachment], at: PublicUrls) -> list[str]:
    return [at.media(picture.original) for picture in pictures]


def _counter(action: str, count: int) -> LinkedData:
    return {
        "@type": "InteractionCounter",
        "interactionType": f"{_CONTEXT}/{action}",
        "userInteractionCount": count,
    }
