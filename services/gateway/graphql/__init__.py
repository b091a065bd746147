"""GraphQL over the same services: one schema, one route, and sockets for subscriptions.

Read it in this order: `http` (what a request is), `engine` (parsed, measured, validated, run),
`limits` (what is too much), `needs` (who may ask for a field), `loaders` (how fields ask services
together), `types` and its neighbours (what there is), `schema` (all of it), `sockets` (news),
`graphiql` (for developers).

Nothing here decides who may see what: each field asks the service that owns the answer, with the
caller's own token. Strawberry is loaded when the first request comes, so that it costs no start.
"""
