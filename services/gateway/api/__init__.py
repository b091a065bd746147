"""The client API: one module per noun, each with `create_router(desk)`."""
