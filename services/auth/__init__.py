"""Credentials, OAuth 2 apps, authorization codes, tokens and the keys that sign them.

Read `domain` for the rules, then `registrar` (how somebody registers), `turnstile` (how somebody
logs in) and `office` (how apps get tokens).
"""
