"""The limits that the owning services enforce, and that the instance announces to clients."""

from __future__ import annotations

TYPED = 25_000
"""Of any text, in code points: a bound on what is looked at before the rules are.

As many characters as a post may have fit into it, if each is a pair of people of ten code points.
"""

CHARACTERS = 2_200
"""Of a post's text and spoiler text together: what Instagram allows a caption.

Characters are counted as people see them, here and below: by graphemes.
"""

LINK_CHARACTERS = 23
"""What a link in a text counts as, however long it is: Mastodon's own number."""

PICTURES = 10
"""In one post."""

HASHTAGS = 30
"""In one post: also what Instagram allows."""

HASHTAG_CHARACTERS = 100

PATH = 40
"""Posts above it that a reply names: the topmost, and the nearest of the others."""

MENTIONS = 50
"""In one post."""

PINS = 5
"""Of one person's own posts: Mastodon's own number."""

DESCRIPTION_CHARACTERS = 1_500
"""Of a picture's alt text: Mastodon's own limit."""

PICTURE_BYTES = 16 * 1024 * 1024
"""Of an uploaded picture, as `pictures.MAX_BYTES` in media."""

PICTURE_PIXELS = 50_000_000
"""Of an uploaded picture, as `pictures.MAX_PIXELS` in media."""

DISPLAY_NAME_CHARACTERS = 30
"""Of a profile: Mastodon's own limit, as the next three."""

NOTE_CHARACTERS = 500

PROFILE_FIELDS = 4

PROFILE_FIELD_CHARACTERS = 255
"""Of a field's name, and of its value."""

SHOPS = 10
"""Of one person."""

TITLE_CHARACTERS = 100
"""Of a product's title, a variant's name and a shop's."""

VARIANTS = 20
"""Of one product."""

PRODUCT_TAGS = 5
"""Products that one post shows."""

CARDS = 400
"""Products of which can be asked at once: as many as two full pages of posts show."""

PRICE = 100_000_000_000
"""Of one piece, in minor units."""

STOCK = 1_000_000_000
"""Pieces of one variant."""

PIECES = 1_000
"""Of one variant in one order."""

LINES = 50
"""Of one order."""

RESERVED_SECONDS = 86_400

PAYMENT = 100_000_000_000
"""Of one order's total, in minor units."""

REFUNDS = 20
"""Of one order."""
