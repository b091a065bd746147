"""The shop's own API, `/api/shop/v1`: not part of the client API, and shaped as APIs are today."""
