"""Credentials, OAuth 2 apps, authorization codes, tokens and the keys that sign them.

Start with `domain` for the rules, then read `application`: `registration` creates users, `login`
checks passwords, `oauth` issues tokens to apps.
"""
