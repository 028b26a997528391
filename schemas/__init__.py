"""Schemas: WHAT ready data is.

Here are contracts (pandera models with what they mean: key, unit, source column, references), the parsing of
pulled values into declared types, standardisers, rules compiled from pandera checks, and the judge that splits
records into good and toxic with every reason. Everything is a pure function of its arguments.

What stays out: reading and writing anything, clocks, state, sources, duckdb, sqlalchemy and dagster.
"""

__all__: list[str] = []
