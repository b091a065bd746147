"""Paths that middleware treats in their own way."""

from __future__ import annotations

GRAPHQL = "/graphql"
STREAMING = "/api/v1/streaming"
NEW_POST = "/new"
"""The page of a new post, whose form uploads pictures."""
REPORT = "/report"
"""The page that reports an account."""
ACCOUNT_SETTINGS = "/settings/account"
"""The page that changes a password, and checks the present one."""
