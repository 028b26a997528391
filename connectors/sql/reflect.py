"""What a database says of its objects: columns, types, keys, and how many rows it believes there are."""

from __future__ import annotations

import warnings
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import DOMAIN
from sqlalchemy.engine.reflection import Inspector, ObjectKind
from sqlalchemy.exc import CompileError, NoSuchTableError, SAWarning

from tilth.connectors.protocol import ObjectInfo
from tilth.connectors.sql.naming import qualified, readings
from tilth.connectors.sql.window import Moment

__all__ = ["Reflected", "discover", "reflect"]

_ESTIMATES = """
    select n.nspname, c.relname, c.reltuples::bigint from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'm', 'p') and c.reltuples >= 0
"""


@dataclass(frozen=True, slots=True)
class Reflected:
    """One table or view: its columns as expressions, the types they are declared with, and its keys."""

    table: sa.Table
    types: Mapping[str, sa.types.TypeEngine[Any]]
    key: tuple[str, ...]  # the primary key
    unique: tuple[frozenset[str], ...]  # columns of which no two rows have the same values

    def moment(self, column: str) -> Moment | None:
        """What kind of time a column holds; None: it cannot be a cursor."""
        kind = self.types[column]
        kind = kind.data_type if isinstance(kind, DOMAIN) else kind
        if self.dialect == "sqlite":  # a declared type binds nothing there: text is what times are kept as
            numeric = isinstance(kind, sa.Integer | sa.Numeric | sa.Boolean | sa.LargeBinary)
            return None if numeric else "text"
        if isinstance(kind, sa.DateTime):
            return "instant" if kind.timezone else "local"
        if isinstance(kind, sa.Date):
            return "date"
        return "text" if isinstance(kind, sa.String) and not isinstance(kind, sa.Enum) else None

    @property
    def dialect(self) -> str:
        """The database's SQLAlchemy dialect."""
        return str(self.table.info["dialect"])


def reflect(connection: sa.Connection, object: str) -> Reflected | None:
    """The object of this name (see `naming`); None when there is none."""
    inspector = sa.inspect(connection)
    for schema, name in readings(object):
        if schema is not None and inspector.dialect.name == "sqlite" and schema not in inspector.get_schema_names():
            continue  # it would be taken for a file that is not attached
        with _quiet():
            try:
                columns = inspector.get_columns(name, schema)
            except NoSuchTableError:
                continue
            if columns:
                return _reflected(inspector, name, schema, columns)
    return None


def _reflected(inspector: Inspector, name: str, schema: str | None, columns: list[Any]) -> Reflected:
    dialect = inspector.dialect.name
    key = tuple(inspector.get_pk_constraint(name, schema)["constrained_columns"])
    types: dict[str, sa.types.TypeEngine[Any]] = {column["name"]: column["type"] for column in columns}
    rowid = dialect == "sqlite" and len(key) == 1 and isinstance(types[key[0]], sa.INTEGER)
    filled = {c["name"] for c in columns if not c["nullable"] or (rowid and c["name"] in key)}
    if dialect != "sqlite":  # where a primary key may hold NULLs
        filled |= set(key)
    table = sa.Table(
        name,
        sa.MetaData(),
        *(
            sa.Column(column, sa.types.NullType() if dialect == "sqlite" else kind, nullable=column not in filled)
            for column, kind in types.items()
        ),
        schema=schema,
        info={"dialect": dialect},
    )
    constraints = [key] if key else []
    constraints += [tuple(found["column_names"]) for found in inspector.get_unique_constraints(name, schema)]
    unique = tuple(frozenset(found) for found in constraints if filled.issuperset(found))
    return Reflected(table, types, key, unique)


def discover(connection: sa.Connection) -> list[ObjectInfo]:
    """Every table and view this user can see, outside the database's own schemas."""
    inspector, found = sa.inspect(connection), list[ObjectInfo]()
    estimates = _estimates(connection)
    for schema in _schemas(inspector):
        with _quiet():
            columns = inspector.get_multi_columns(schema=schema, kind=ObjectKind.ANY)
            keys = inspector.get_multi_pk_constraint(schema=schema, kind=ObjectKind.TABLE)
        for (_, name), facts in sorted(columns.items(), key=lambda item: item[0][1]):
            found.append(
                ObjectInfo(
                    name if schema is None else qualified(schema, name),
                    tuple((c["name"], _named(c["type"], inspector.dialect)) for c in facts),
                    tuple((keys.get((schema, name)) or {"constrained_columns": []})["constrained_columns"]),
                    estimates.get((schema or inspector.default_schema_name or "", name)),
                )
            )
    return found


def _schemas(inspector: Inspector) -> list[str | None]:
    if inspector.dialect.name != "postgresql":
        return [None]
    own = {inspector.default_schema_name, "information_schema"}
    return [None, *(s for s in inspector.get_schema_names() if s not in own and not s.startswith("pg_"))]


def _estimates(connection: sa.Connection) -> dict[tuple[str, str], int]:
    if connection.dialect.name != "postgresql":
        return {}
    return {(schema, name): rows for schema, name, rows in connection.execute(sa.text(_ESTIMATES))}


def _named(kind: sa.types.TypeEngine[Any], dialect: sa.Dialect) -> str:
    try:
        return kind.compile(dialect=dialect)
    except CompileError:
        return "unknown"


@contextmanager
def _quiet() -> Generator[None]:
    """Types SQLAlchemy does not know land as text: nothing to warn about."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SAWarning)
        yield
