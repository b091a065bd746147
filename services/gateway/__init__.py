"""The public service: the Mastodon client API, GraphQL, streams and web pages. It stores no data.

Start with `app` (composition) and `container` (what routes work with). `middleware` is what every
request passes, `application` has the use cases, `presentation` renders contract models as entities,
and `rest`, `graphql`, `pages` and `streaming` are the interfaces.
"""
