"""Which column of a contract says which of two records of a key is newer."""

from __future__ import annotations

import polars as pl

from tilth.assets.declared import TableDeclaration
from tilth.schemas.spec import Column, Spec

__all__ = ["version_column"]


def version_column(table: TableDeclaration, spec: Spec) -> str | None:
    """The contract column that says which of two records of a key is newer: declared, else read from the cursor.

    Of several that are read from it the first that is no text: `31.01.` is greater than `01.02.` as text alone.
    """
    if table.version is not None:
        return table.version
    read = [column for column in spec.columns if column.source == table.cursor]
    return next((column.name for column in sorted(read, key=_is_text)), None)


def _is_text(column: Column) -> bool:
    return isinstance(column.dtype, pl.String)
