"""The GraphQL types, queries, mutations and subscriptions."""
