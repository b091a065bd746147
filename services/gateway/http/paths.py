"""Paths that middleware treats in their own way."""

from __future__ import annotations

GRAPHQL = "/graphql"
STREAMING = "/api/v1/streaming"
