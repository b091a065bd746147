"""One suite, unchanged on every component set: real clients against the whole running system."""
