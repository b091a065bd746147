"""Events for connected clients: Mastodon's streaming API.

`rest/streaming.py` accepts connections, `hub` knows the channels of each one, and `dispatcher`
consumes the component `broadcast` (every replica consumes all of it) and publishes events to the
channels. Delivery is best effort: a client that was disconnected reads timelines.
"""
