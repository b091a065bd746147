"""The only public door: the Mastodon client API, OAuth pages and public pages. Keeps no data.

Read it in this order: `app` (how it is put together), `door` (what every request passes), `gateway`
(how it asks other services), `entities` (how their models become the client API's), `api` and
`pages` (the routes).
"""
