"""GraphQL over the same services: one schema, one route, and WebSockets for subscriptions.

Start with `router` (the routes), `handler` (requests over HTTP), `engine` (parse, measure,
validate, execute) and `limits`. `permissions` guards fields, `dataloaders` batches the requests of
fields, `schema` has the types, `websocket` handles subscriptions.

Nothing here decides about visibility: each field asks the service that owns the data, with the
caller's token. Strawberry is loaded with the first request, so that it does not delay the start.
"""
