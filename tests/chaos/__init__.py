"""Crash tests: whatever is killed, nothing acknowledged is lost and nothing takes effect twice."""
