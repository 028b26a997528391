"""The toxic file: records that are refused, with their raw values, every reason, and the id they are known by."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence

import polars as pl

from tilth.assets import parquet
from tilth.assets.pulls import BatchRow
from tilth.assets.storage import Storage
from tilth.schemas.judging import REASONS
from tilth.schemas.reasons import as_json

__all__ = [
    "TOXIC",
    "as_id",
    "entry_id",
    "known_as",
    "of_fault",
    "read_batch",
    "read_toxic",
    "rules_of",
    "version_text",
    "with_ids",
]

TOXIC = pl.Schema(
    {
        "id": pl.String(),
        "key": pl.String(),
        "_batch": pl.Int64(),
        "_ordinal": pl.Int64(),
        "raw": pl.String(),
        "read": pl.String(),
        "reasons": REASONS,
        "contract_version": pl.String(),
        "version": pl.String(),
    }
)
"""Raw: a JSON object of texts, by source column; read: what was read of it, by contract column (null: nothing)."""


def read_toxic(storage: Storage, path: str, columns: Sequence[str]) -> pl.DataFrame:
    """Columns (of TOXIC) of a toxic file; what a file of an older version does not tell is filled in."""
    there = [name for name in columns if name != "read" or name in parquet.columns_of(storage, path)]
    found = parquet.read(storage, path, there)
    if "reasons" in there and found.schema["reasons"] != REASONS:
        error = pl.element().struct.with_fields(kind=pl.lit(None, pl.String), severity=pl.lit("error"))
        found = found.with_columns(pl.col("reasons").list.eval(error).cast(REASONS))
    missing = [pl.lit(None, TOXIC[name]).alias(name) for name in columns if name not in there]
    return found.with_columns(missing).select(columns)


def entry_id(table: str, key_or_origin: str | Sequence[object], raw: str, contract_version: str) -> str:
    """The id of a toxic record: of what it is, not of when it came. `raw` is its JSON object of texts."""
    told = [table, key_or_origin, json.loads(raw), contract_version]
    text = json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def as_id(given: str) -> str:
    """An id, or its first letters, as somebody wrote it, in the letters of ids: the small ones."""
    return given.lower()


def read_batch(storage: Storage, batch: BatchRow) -> pl.DataFrame:
    """A landed batch with each record's origin: `_batch`, `_ordinal`."""
    raw = parquet.read(storage, batch.path)
    ordinal = pl.int_range(pl.len(), dtype=pl.Int64).alias("_ordinal")
    return raw.with_columns(pl.lit(batch.id, dtype=pl.Int64).alias("_batch"), ordinal)


def with_ids(toxic: pl.DataFrame, batches: Mapping[int, BatchRow], table: str, contract_version: str) -> pl.DataFrame:
    """Toxic records as the file holds them (TOXIC)."""
    ids: list[str] = []
    for key, raw, batch, ordinal in toxic.select("key", "raw", "_batch", "_ordinal").iter_rows():
        ids.append(entry_id(table, known_as(key, batches[batch], ordinal), raw, contract_version))
    version = pl.lit(contract_version).alias("contract_version")
    return toxic.with_columns(pl.Series("id", ids, dtype=pl.String), version).select(TOXIC.names()).cast(TOXIC)


def known_as(key: str | None, batch: BatchRow, ordinal: int) -> str | Sequence[object]:
    """What a record is known by whenever it is pulled: its key; without one, its place in the file, or in the batch."""
    if key is not None:
        return key
    sha256 = batch.origin.get("sha256")
    return [sha256, batch.origin["offset"] + ordinal] if sha256 else [batch.id, ordinal]


def of_fault(facts: pl.DataFrame, batch: BatchRow) -> pl.DataFrame:
    """The one toxic record that a refused file is."""
    assert batch.fault is not None
    pulled = [name for name in facts.columns if not name.startswith("_")]
    reason = {name: batch.fault[name] for name in ("rule", "column", "value", "expected")}
    reason |= {"kind": "file", "severity": "error"}
    return facts.select(
        "_batch",
        "_ordinal",
        pl.lit(None, dtype=pl.String).alias("key"),
        pl.lit(None, dtype=pl.String).alias("version"),
        as_json(facts, pulled).alias("raw"),
        pl.lit(None, dtype=pl.String).alias("read"),
        pl.Series("reasons", [[reason]] * facts.height, dtype=REASONS),
    )


def rules_of(reasons: pl.Expr) -> pl.Expr:
    """The names of the rules in `reasons` that condemn, each once, sorted."""
    condemns = pl.element().struct.field("severity") == "error"
    return reasons.list.eval(pl.element().filter(condemns).struct.field("rule")).list.unique().list.sort()


def version_text(name: str, dtype: pl.DataType) -> pl.Expr:
    """A version as text that sorts as the version does (numbers below zero aside)."""
    column = pl.col(name)
    if isinstance(dtype, pl.Datetime):
        return column.dt.strftime("%Y-%m-%dT%H:%M:%S%.9f")
    if dtype.is_integer():
        return column.cast(pl.String).str.zfill(20)
    return column.cast(pl.String).str.replace_all("\0", "\u2400", literal=True)  # where a database would end the text
