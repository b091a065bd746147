"""The shop API, `/api/shop/v1`: our own API, with problem details, ETags and cursors."""
