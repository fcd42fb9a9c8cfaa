"""The queue of a model, and how its requests are put together."""
