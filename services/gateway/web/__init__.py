"""Web pages: HTML rendered by the server, without JavaScript."""
