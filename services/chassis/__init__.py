"""The microservice chassis: what every service needs, without any business rule.

Read it in this order: `service` (how a service is assembled), `dapr` (the client of the sidecar),
`storage` (how documents and lists are changed), `publishing` (how every change becomes an event),
`consuming` (how every event is handled), `security` (who is calling), `http` (the app and its
server), `workflows` (processes that survive crashes) and `tracing` (what a trace shows).
"""
