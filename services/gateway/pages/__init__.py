"""What people see in a browser: plain HTML from the server, which works without JavaScript."""
