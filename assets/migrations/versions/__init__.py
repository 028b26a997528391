"""The steps of the state database's schema, oldest first."""

__all__: list[str] = []
