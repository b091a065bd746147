"""The microservice chassis: what every service needs, and no business rule.

Read it in this order: `app` (how a service is put together), `sidecar` (the only way out of the
process), `documents` (how state is changed), `journal` and `relay` (how a change becomes an event
that cannot be lost), `inbox` (how events are heard), `identity` (who is calling),
`plans` and `workflows` (what is gone through to its end, whatever dies).
"""
