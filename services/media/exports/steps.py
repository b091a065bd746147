"""The steps of an archive: its files, in order, and the README that explains them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ExportStep:
    """One kind of records: the name of its files, and the service that exports it."""

    file: str
    service: str = ""
    kind: str = ""


ACCOUNT, PICTURES, FILES = ExportStep("account"), ExportStep("pictures"), ExportStep("files")
INSIGHTS = ExportStep("insights", "insights", "insights")
"""Of a guest: left out where it does not run."""

STEPS = (
    ACCOUNT,
    ExportStep("posts", "posts", "posts"),
    ExportStep("direct-posts", "posts", "directs"),
    ExportStep("favourites", "posts", "favourites"),
    ExportStep("bookmarks", "posts", "bookmarks"),
    ExportStep("following", "users", "following"),
    ExportStep("followers", "users", "followers"),
    ExportStep("follow-requests", "users", "follow-requests"),
    ExportStep("requested", "users", "requested"),
    ExportStep("blocks", "users", "blocks"),
    ExportStep("mutes", "users", "mutes"),
    ExportStep("notes", "users", "notes"),
    ExportStep("followed-tags", "users", "followed-tags"),
    ExportStep("notifications", "notifications", "notifications"),
    ExportStep("conversations", "feed", "conversations"),
    ExportStep("shops", "catalog", "shops"),
    ExportStep("products", "catalog", "products"),
    ExportStep("cart", "orders", "cart"),
    ExportStep("bought", "orders", "bought"),
    ExportStep("sold", "orders", "sold"),
    ExportStep("paid", "payments", "paid"),
    ExportStep("earned", "payments", "earned"),
    PICTURES,
    FILES,
    INSIGHTS,
)
"""In this order: the pictures themselves come late. A position counts these steps."""

README = """All your data at {place}, as of {when}.

account.json        your login, where you are logged in, and your profile with all settings
posts.json          your posts, newest first: posts, comments (in_reply_to_id) and boosts
                    (reblog_of_id), with earlier versions of edited posts
direct-posts.json   your direct posts
conversations.json  your conversations, and the last post of each
favourites.json, bookmarks.json     the posts that you like or keep, by their addresses
following.json, followers.json, follow-requests.json, requested.json, blocks.json, mutes.json,
notes.json          your relationships, with their dates and settings; requested: whom you asked
followed-tags.json  the hashtags that you follow
notifications.json  your notifications
shops.json, products.json           what you sell, with prices and stock, also what is archived
cart.json           what is in your cart, with current prices
bought.json, sold.json              your orders, with the history of each
paid.json, earned.json              the changes of your accounts as a buyer and as a seller: for
                    which order, by which step
insights.json       what your posts and sales add up to, where the server counts that
pictures.json       your pictures: their descriptions, and the post or product that shows each
pictures/           the pictures themselves, by the name in the JSON (original)

Long lists are in several files, such as posts-001.json and posts-002.json.
Times are in UTC. Ids are those of the server. Money is in the currency's smallest units, such as
cents; what an account loses is negative.
"""
