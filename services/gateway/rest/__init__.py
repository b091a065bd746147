"""The REST routes: the Mastodon client API and our own."""
