"""The routes of auth: the gateway calls them for users and apps, every service for the keys."""
