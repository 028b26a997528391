"""Whose trouble it is when a candidate cannot be built: one table's, which is held, or everybody's."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass

import duckdb
import polars as pl
import pyarrow as pa

from tilth.assets.publishing.holds import Hold
from tilth.errors import LakeError, ReleaseError, TilthError

__all__ = ["Blame", "Refused"]

_EVERYBODYS = (duckdb.IOException, RuntimeError)
"""A full disk; and what DuckDB cannot say, since its words hold bytes of a damaged file."""


class Refused(Exception):
    """A table that this candidate cannot hold, and why; the candidate is thrown away."""

    def __init__(self, table: str, hold: Hold) -> None:
        super().__init__(table, hold.reason)
        self.table, self.hold = table, hold


@dataclass(frozen=True, slots=True)
class Blame:
    """Finds who is held for what goes wrong; `lost` looks whose files of the lake cannot be read."""

    lost: Callable[[], Iterable[tuple[str, LakeError]]]

    @contextmanager
    def on(self, table: str | None = None) -> Generator[None]:
        """A lost file holds the table that needs it; what else goes wrong with one `table` holds that one.

        A full disk is everybody's.
        """
        try:
            yield
        except (duckdb.OutOfMemoryException, ReleaseError):
            raise
        except TilthError as error:
            if table is None:
                raise
            raise _refused(table, error) from error
        except (duckdb.Error, pl.exceptions.PolarsError, pa.ArrowException, RuntimeError) as error:
            for name, wrong in self.lost():
                raise _refused(name, wrong) from error
            if table is None or isinstance(error, _EVERYBODYS):
                raise
            raise Refused(table, Hold(str(error).splitlines()[0])) from error


def _refused(table: str, error: TilthError) -> Refused:
    return Refused(table, Hold("\n".join(error.lines())))
