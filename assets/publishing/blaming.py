"""Whose trouble it is when a candidate cannot be built: one table's, which is held, or everybody's."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import duckdb
import polars as pl
import pyarrow as pa

from tilth.assets.publishing.holds import Hold
from tilth.errors import ReleaseError, TilthError

__all__ = ["Refused", "blamed"]


class Refused(Exception):
    """A table that this candidate cannot hold, and why; the candidate is thrown away."""

    def __init__(self, table: str, hold: Hold) -> None:
        super().__init__(table, hold.reason)
        self.table, self.hold = table, hold


@contextmanager
def blamed(table: str) -> Generator[None]:
    """What goes wrong with one table holds that table; a full disk or a lost lake is everybody's."""
    try:
        yield
    except (duckdb.IOException, duckdb.OutOfMemoryException, ReleaseError):
        raise
    except TilthError as error:
        raise Refused(table, Hold(" ".join(line.strip() for line in error.lines()))) from error
    except (duckdb.Error, pl.exceptions.PolarsError, pa.ArrowException) as error:
        raise Refused(table, Hold(str(error).splitlines()[0])) from error
