"""The HTTP server, its middleware, and what routes of several services share."""
