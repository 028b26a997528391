"""A database as a source: the protocol, kept by reading one statement in order."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import pyarrow as pa
import sqlalchemy as sa

from tilth.connectors.protocol import Batch, Dataset, Health, ObjectInfo, Origin, Pull
from tilth.connectors.settings import near
from tilth.connectors.sql.health import health
from tilth.connectors.sql.keyset import Place
from tilth.connectors.sql.link import Link, driver_errors
from tilth.connectors.sql.plan import Plan, plan
from tilth.connectors.sql.reflect import Reflected, discover, reflect
from tilth.errors import SourceError

__all__ = ["SqlConnector"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SqlConnector:
    """One database. `lag` is how late a row may appear behind the newest one, beside open transactions."""

    link: Link
    lag: timedelta = timedelta(minutes=5)

    def check(self) -> Health:
        """Connect and ask for the version."""
        with self.link.told(), self.link.engine().connect() as connection:
            return Health(True, f"{health(connection)}, {self.link.place}")

    def discover(self) -> Sequence[ObjectInfo]:
        """The tables and views this user can see."""
        with self.link.told(), self.link.engine().connect() as connection:
            return discover(connection)

    def dataset(self, object: str) -> Dataset:
        """The table or view; one that is named without a schema is in the usual one."""
        return self.link.dataset(object)

    def inspect(self, request: Pull) -> Sequence[str]:
        """The problems this request would meet, one sentence each."""
        with self.link.told(request.object), self.link.engine().connect() as connection:
            found = reflect(connection, request.object)
            request = request if found is None else _there(found, request)
            problems = self._missing(connection, request) if found is None else self._problems(found, request)
        said = [f"{p.what}{f' (expected {p.expected})' if p.expected else ''}" for p in problems]
        said += [f"the option {name} is not known to databases" for name in request.options]
        if request.tombstones:
            said.append("deletes: databases give no tombstones (expected {column: …} or {compare_keys: daily})")
        if request.cursor_column and not request.key:
            said.append("a cursor needs a key: rows are read again at the edge of each pull and told apart by it")
        return said

    def pull(self, request: Pull) -> Iterator[Batch]:
        """The rows asked for, in one statement."""
        engine = self.link.engine()
        with self.link.told(request.object), engine.connect() as connection:
            found = reflect(connection, request.object)
            request = request if found is None else _there(found, request)
            problems = self._missing(connection, request) if found is None else self._problems(found, request)
            if found is None or problems:
                raise problems[0]
            planned = plan(connection, found, request, source=self.link.source, lag=self.lag)
        yield from self._batches(engine, planned, request)

    def _batches(self, engine: sa.Engine, planned: Plan, request: Pull) -> Iterator[Batch]:
        """One batch behind the reader: the last one has to say that it is the last."""
        held: Batch | None = None
        count = planned.rows
        failure: SourceError | None = None
        try:
            for table, place in self._parts(engine, planned, request):
                if held is not None:
                    yield held
                origin = Origin(self.link.source, request.object, offset=count)
                count += table.num_rows
                held = Batch(table.select(planned.columns), origin, planned.token(place or planned.place, count))
        except SourceError as error:
            failure = error
        if failure is not None or held is None:
            yield from [held] if held is not None else []
            raise failure or SourceError(
                "nothing was read", where=f"source {self.link.source}", next=f"tilth sources check {self.link.source}"
            )
        yield Batch(held.rows, held.origin, held.resume, planned.complete())

    def _parts(self, engine: sa.Engine, planned: Plan, request: Pull) -> Iterator[tuple[pa.Table, Place | None]]:
        """What the readers read: each goes on where the one before it failed, so no row comes twice."""
        place, read, readers = planned.place, 0, self.link.readers(engine)
        for reader in readers:
            try:
                for table, last in reader(
                    planned.statement(place), planned.landings, planned.order.names, request.batch_rows
                ):
                    yield table, last
                    place, read = last or place, read + table.num_rows
                return
            except driver_errors() as error:
                if reader is readers[-1] or (read and not planned.order.unique):
                    raise self.link.fault(error, request.object, rows=read) from None
                _log.warning("going on row by row: %s", self.link.fault(error, request.object, rows=read))

    def _missing(self, connection: sa.Connection, request: Pull) -> list[SourceError]:
        known = [info.name for info in discover(connection)]
        return [self._problem(request, f"there is no object {request.object}", near(request.object, known))]

    def _problems(self, object: Reflected, request: Pull) -> list[SourceError]:
        known, cursor = list(object.types), request.cursor_column
        named = [("column", name) for name in request.columns or ()] + [("key column", name) for name in request.key]
        named += [("cursor column", cursor)] if cursor else []
        roles = {name: role for role, name in named}
        problems = [
            self._problem(request, f"there is no {role} {name}", near(name, known))
            for name, role in roles.items()
            if name not in known
        ]
        if cursor is not None and cursor in known and object.moment(cursor) is None:
            kind = str(object.types[cursor])
            what = f"the column {cursor} ({kind}) cannot be a cursor: rows that commit late would be missed"
            problems.append(self._problem(request, what, "a date or time column"))
        return problems

    def _problem(self, request: Pull, what: str, expected: str) -> SourceError:
        source = self.link.source
        where = f"source {source}, object {request.object}"
        return SourceError(what, where=where, expected=expected, next=f"tilth sources check {source}")


def _there(object: Reflected, request: Pull) -> Pull:
    """The request without optional columns that the object lacks."""
    absent = {name for name in request.optional if name not in object.types}
    kept = [name for name in request.columns or () if name not in absent]
    return replace(request, columns=kept) if absent and request.columns is not None else request
