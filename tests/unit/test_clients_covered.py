"""Every command of `toot` and every method of Mastodon.py is used end to end, or outside, and why.

What is used is read off the tests in tests/e2e, which all run against the running system:
`person.client.METHOD(…)`, `mastodon_listener(person, STREAM)` and `person.toot(COMMAND, …)`.
"""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from mastodon import Mastodon

_E2E = Path(__file__).parents[1] / "e2e"
_CLIENTS = ("client", "judge", "Mastodon")
"""What a `Mastodon`, and its class, are called in the tests."""

_LISTING = """
import importlib, pkgutil, toot.cli

for module in pkgutil.iter_modules(toot.cli.__path__):
    importlib.import_module(f"toot.cli.{module.name}")

def below(command, *path):
    for name, sub in getattr(command, "commands", {}).items():
        if not sub.hidden:
            yield from below(sub, *path, name)
    if not hasattr(command, "commands"):
        yield " ".join(path)

print(*below(toot.cli.cli), sep="\\n")
"""
"""Run apart: what `toot` imports warns of itself wherever all modules are looked at."""

METHODS_OUTSIDE = {
    "lists cannot be made": """
        list list_accounts list_accounts_add list_accounts_delete list_create list_delete
        list_update timeline_list stream_list""",
    "filters cannot be made": """
        add_filter_keyword_v2 add_filter_status_v2 create_filter_v2 delete_filter_keyword_v2
        delete_filter_status_v2 delete_filter_v2 filter filter_create filter_delete
        filter_keywords_v2 filter_status_v2 filter_statuses_v2 filter_update filter_v2
        update_filter_v2 filters_apply""",
    "needs a library that is not here; tests/e2e/test_streaming.py has WebSockets of its own": """
        stream_open_websocket""",
    "no polls": "poll poll_vote make_poll",
    "nothing is scheduled": "scheduled_status scheduled_status_delete scheduled_status_update",
    "threads are not muted": "status_unmute",
    "hashtags, people and collections are not featured": """
        account_collections account_endorse account_in_collections account_pin account_unendorse
        account_unpin collection collection_create collection_delete collection_item_add
        collection_item_delete collection_item_revoke collection_update featured_tag_create
        featured_tag_delete tag_feature tag_unfeature""",
    "no quotes, no translation": """
        status_quote_revoke status_quotes status_translate status_update_quote_approval_policy""",
    "no push": """
        push_subscription push_subscription_decrypt_push push_subscription_delete
        push_subscription_generate_keys push_subscription_set push_subscription_update""",
    "nobody's notifications wait": "accept_notification_request notification_request",
    "one domain": "domain_block domain_unblock timeline_link",
    "no announcements, annual reports and refreshes in the background": """
        announcement_dismiss announcement_reaction_create announcement_reaction_delete
        annual_report annual_report_generate annual_report_read annual_report_state
        annual_reports await_async_refresh get_async_refresh_info get_async_refresh_status""",
    "moderation is of reports, and suspends": """
        admin_account_approve admin_account_delete admin_account_enable admin_account_reject
        admin_account_unsensitive admin_account_unsilence admin_accounts admin_accounts_v1
        admin_accounts_v2 admin_approve_trending_link admin_approve_trending_status
        admin_approve_trending_tag admin_canonical_email_block admin_canonical_email_blocks
        admin_create_canonical_email_block admin_create_domain_allow admin_create_domain_block
        admin_create_email_domain_block admin_create_ip_block admin_delete_canonical_email_block
        admin_delete_domain_allow admin_delete_domain_block admin_delete_email_domain_block
        admin_delete_ip_block admin_dimensions admin_domain_allow admin_domain_allows
        admin_domain_blocks admin_email_domain_block admin_email_domain_blocks admin_ip_block
        admin_ip_blocks admin_measures admin_reject_trending_link admin_reject_trending_status
        admin_reject_trending_tag admin_retention admin_test_canonical_email_block
        admin_trending_links admin_trending_statuses admin_trending_tags
        admin_update_domain_block admin_update_ip_block""",
    "newer than the API of first rank": """
        oauth_userinfo profile profile_update email_resend_confirmation""",
    "Mastodon itself has them no more": "follows reports search_v1",
    "they ask nothing of a server": """
        clear_caches get_status_length get_supported_version set_language""",
}

COMMANDS_OUTSIDE = {
    "lists cannot be made": """
        lists accounts, lists add, lists delete, lists remove, timelines list""",
    "no polls": "polls show, polls vote",
    "hashtags are not featured": "tags unfeature",
    "one domain": "timelines link",
    "asks for the password, which no application should": "login_cli",
    "draws on a terminal": "tui",
}


def test_every_method_of_mastodon_py_is_used_or_outside() -> None:
    outside = " ".join(METHODS_OUTSIDE.values()).split()
    _assert_whole(_methods(), _used_methods(), outside)


def test_every_command_of_toot_is_used_or_outside() -> None:
    outside = [name.strip() for names in COMMANDS_OUTSIDE.values() for name in names.split(",")]
    _assert_whole(_commands(), _used_commands(), outside)


def _assert_whole(offered: set[str], used: set[str], outside: Sequence[str]) -> None:
    assert len(outside) == len(set(outside))
    assert not sorted(offered - used - set(outside)), "use these in tests/e2e, or say why not"
    assert not sorted(used & set(outside)), "these are used: they are not outside"
    assert not sorted(set(outside) - offered), "there are no such"


def _methods() -> set[str]:
    """The public methods of Mastodon.py."""
    found = inspect.getmembers(Mastodon, inspect.isroutine)
    return {name for name, _ in found if not name.startswith("_")}


def _commands() -> set[str]:
    """The commands that `toot --help` lists, with their subcommands."""
    listing = subprocess.run(
        [sys.executable, "-c", _LISTING], capture_output=True, text=True, check=True
    )
    return set(listing.stdout.splitlines())


def _used_methods() -> set[str]:
    used: set[str] = set()
    for call in _calls():
        match call.func:
            case ast.Attribute(value=ast.Attribute(attr=receiver) | ast.Name(receiver), attr=name):
                used |= {name} if receiver in _CLIENTS else set()
            case ast.Name("mastodon_listener"):
                stream = _texts(call.args[1:2])
                used.add(f"stream_{stream[0] if stream else 'user'}")
    return used | _used_by_people()


def _used_by_people() -> set[str]:
    """What everybody uses to register, log in and upload."""
    return {"create_account", "log_in", "media_post"}


def _used_commands() -> set[str]:
    used: set[str] = set()
    for call in _calls():
        match call.func:
            case (
                ast.Attribute(attr="toot")
                | ast.Attribute(value=ast.Attribute(attr="toot"), attr="json")
            ):
                words = [word for word in _texts(call.args) if not word.startswith("-")]
                used |= {" ".join(words[:1]), " ".join(words[:2])}
            case ast.Attribute(value=ast.Attribute(attr="toot"), attr="log_in"):
                used.add("login")
    return used


@cache
def _calls() -> list[ast.Call]:
    """All calls in the end-to-end tests."""
    trees = [ast.parse(path.read_text()) for path in sorted(_E2E.glob("*.py"))]
    return [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Call)]


def _texts(arguments: list[ast.expr]) -> list[str]:
    """The texts among some arguments."""
    return [a.value for a in arguments if isinstance(a, ast.Constant) and isinstance(a.value, str)]
