"""Why records are toxic: failed rules expanded into reasons, for the toxic records only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from tilth.schemas.casting import exactly, text_of

__all__ = ["REASON", "REASONS", "Failure", "as_json", "key_text", "one_reason", "reasons", "unescaped"]

REASON = pl.Struct({"rule": pl.String, "column": pl.String, "value": pl.String, "expected": pl.String})
REASONS = pl.List(REASON)
_ESCAPES = {"\0": "\u24000", "\u2400": "\u2400\u2400"}  # the sign for NUL stands for it


@dataclass(frozen=True, slots=True)
class Failure:
    """One rule that some records failed: which (a mask over all records), and what to tell of them."""

    rule: str
    column: str | None
    sources: tuple[str, ...]  # the raw columns whose pulled values are shown
    expected: str
    failed: pl.Series


def reasons(failures: Sequence[Failure], raw: pl.DataFrame, toxic: pl.Series) -> pl.Series:
    """One list of reasons for each row number in `toxic`, in the order of `failures`."""
    parts = [_part(number, failure, raw, toxic) for number, failure in enumerate(failures)]
    flat = pl.concat([part for part in parts if part.height] or parts[:1]).sort("row", "rank")
    grouped = flat.group_by("row", maintain_order=True).agg(pl.struct(*REASON.to_schema()).alias("reasons"))
    return grouped["reasons"].cast(REASONS)


def _part(number: int, failure: Failure, raw: pl.DataFrame, toxic: pl.Series) -> pl.DataFrame:
    at = failure.failed.gather(toxic).arg_true()
    shown = raw.select(map(exactly, failure.sources))[toxic.gather(at)] if failure.sources else None
    value = pl.repeat(None, len(at), dtype=pl.String, eager=True) if shown is None else _shown(shown)
    return pl.DataFrame({"row": at, "value": value}).with_columns(
        pl.lit(number).alias("rank"),
        pl.lit(failure.rule).alias("rule"),
        pl.lit(failure.column, dtype=pl.String).alias("column"),
        pl.lit(failure.expected).alias("expected"),
    )


def _shown(values: pl.DataFrame) -> pl.Series:
    if values.width == 1:
        return values.select(text_of(pl.all(), values.dtypes[0])).to_series()
    return as_json(values, values.columns)


def as_json(raw: pl.DataFrame, columns: Sequence[str]) -> pl.Series:
    """Each row as a JSON object of texts, names sorted, no blanks."""
    texts = [text_of(exactly(name), raw.schema[name]).alias(name) for name in sorted(columns)]
    if not texts:
        return pl.repeat("{}", raw.height, eager=True)
    return raw.select(pl.struct(texts).struct.json_encode().alias("raw")).to_series()


def one_reason(rule: pl.Expr, column: str | None, value: pl.Expr | pl.Series, expected: str) -> pl.Expr:
    """A list of just one reason for each row."""
    one = pl.struct(rule=rule, column=pl.lit(column, pl.String), value=value, expected=pl.lit(expected))
    return pl.concat_list(one).cast(REASONS).alias("reasons")


def key_text(values: pl.DataFrame, key: Sequence[str]) -> pl.Series:
    """The key as text: the value of a single column, a JSON array of several; null where any is null.

    No text of a key holds U+0000: databases end a text there, and two keys would be one.
    """
    if not key:
        return pl.repeat(None, values.height, dtype=pl.String, eager=True).alias("key")
    texts = values.select(text_of(pl.col(name), values.schema[name]) for name in key)
    if len(key) == 1:
        return _escaped(texts.to_series()).alias("key")
    quoted = [_quoted(texts[name]) for name in key]
    listed = pl.DataFrame(quoted).select(pl.concat_str(pl.all(), separator=","))
    return listed.select(pl.lit("[") + pl.first() + pl.lit("]")).to_series().alias("key")


def _escaped(text: pl.Series) -> pl.Series:
    if not text.str.contains("[\\x00\u2400]").any():
        return text
    return text.str.replace_many(_ESCAPES)


def unescaped(text: pl.Series) -> pl.Series:
    """The value of a single key column, from the key's text."""
    return text.str.replace_many({escape: plain for plain, escape in _ESCAPES.items()})


def _quoted(text: pl.Series) -> pl.Series:
    if text.str.contains(r'["\\\x00-\x1f\x7f]').any():
        encoded = pl.DataFrame({"t": text}).select(pl.struct("t").struct.json_encode().str.slice(5).str.head(-1))
        return encoded.select(pl.when(text.is_not_null()).then(pl.first())).to_series().alias(text.name)
    return ('"' + text + '"').alias(text.name)
