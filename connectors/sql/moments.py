"""Days and moments of PostgreSQL that Python has no value for: they are read as the text the server writes.

The driver raises for `infinity`, for years before 1 and beyond 9999; one such value would end the whole pull.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy import event

__all__ = ["forgive_moments"]

_KINDS = ("date", "timestamp", "timestamptz")


def forgive_moments(engine: sa.Engine) -> None:
    """From now on the engine's connections give text for such values."""
    event.listen(engine, "connect", _register)


def _register(connection: Any, _record: object) -> None:
    from psycopg import DataError
    from psycopg.adapt import Loader

    class Forgiving(Loader):
        """The driver's own loader, or the text where it gives up."""

        def __init__(self, oid: int, context: Any = None) -> None:
            super().__init__(oid, context)
            self._usual = usual[oid](oid, context)

        def load(self, data: Any) -> Any:
            """The value."""
            try:
                return self._usual.load(data)
            except DataError:
                return bytes(data).decode()

    usual: dict[int, Any] = {}
    for kind in _KINDS:
        oid = connection.adapters.types[kind].oid
        usual[oid] = connection.adapters.get_loader(oid, Loader.format)
        connection.adapters.register_loader(oid, Forgiving)
