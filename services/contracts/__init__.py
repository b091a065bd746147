"""What passes between services: the models of their routes and of their events.

Plain data, no behaviour, and nothing of FastAPI or Dapr: a service in another language can be
written from these (and from the OpenAPI, JSON Schema and AsyncAPI generated from them). Every id is
a decimal string that sorts by time; every time is RFC 3339 in UTC with milliseconds and `Z`.
"""
