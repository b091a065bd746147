"""The contracts between services: the models of their routes and events.

The models are plain data without behaviour, independent of FastAPI and Dapr. A service in another
language can be written from them, or from the OpenAPI, JSON Schema and AsyncAPI generated from
them. Every id is a decimal string that sorts by time. Every time is RFC 3339 in UTC with
milliseconds and `Z`.
"""
