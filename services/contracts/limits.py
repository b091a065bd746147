"""Limits that the owning services enforce, and that the instance announces to clients."""

from __future__ import annotations

MAX_TEXT_CODE_POINTS = 25_000
"""Code points of any text in a request, checked before the rules of the text.

A post of the longest permitted length fits, even if each character has ten code points.
"""

MAX_POST_CHARACTERS = 2_200
"""Characters of a post's text and spoiler text together; Instagram's limit of a caption.

Here and below, a character is a grapheme.
"""

LINK_CHARACTERS = 23
"""Characters that a link in a text counts as, whatever its length; the same as in Mastodon."""

MAX_PICTURES = 10
"""In one post."""

MAX_HASHTAGS = 30
"""In one post; the same as Instagram."""

MAX_HASHTAG_CHARACTERS = 100

MAX_PATH = 40
"""Posts in the path of a reply: the topmost, and the nearest of the others."""

MAX_MENTIONS = 50
"""In one post."""

MAX_PINS = 5
"""Pinned posts of one user; the same as in Mastodon."""

MAX_DESCRIPTION_CHARACTERS = 1_500
"""Characters of a picture's alt text; the same as in Mastodon."""

MAX_PICTURE_BYTES = 16 * 1024 * 1024
"""Bytes of an uploaded picture."""

MAX_PICTURE_PIXELS = 50_000_000
"""Pixels of an uploaded picture."""

MAX_DISPLAY_NAME_CHARACTERS = 30
"""Characters of a profile's name. This and the next three limits are the same as in Mastodon."""

MAX_NOTE_CHARACTERS = 500

MAX_PROFILE_FIELDS = 4

MAX_PROFILE_FIELD_CHARACTERS = 255
"""Characters of a field's name, and of its value."""

MAX_SHOPS = 10
"""Shops of one user."""

MAX_TITLE_CHARACTERS = 100
"""Characters of a product's title, of a variant's name and of a shop's name."""

MAX_VARIANTS = 20
"""Variants of one product."""

MAX_PRODUCT_TAGS = 5
"""Products in one post."""

MAX_CARDS = 400
"""Products in one request: as many as two full pages of posts can show."""

MAX_PRICE = 100_000_000_000
"""Price of one piece, in minor units."""

MAX_STOCK = 1_000_000_000
"""Pieces of one variant."""

MAX_PIECES = 1_000
"""Pieces of one variant in one order."""

MAX_LINES = 50
"""Lines of one order."""

MAX_RESERVATION_SECONDS = 86_400

MAX_PAYMENT = 100_000_000_000
"""Total of one order, in minor units."""

MAX_WAIT = 5.0
"""Seconds for which a checkout may wait until its order is final."""

MAX_REFUNDS = 20
"""Refunds of one order."""
