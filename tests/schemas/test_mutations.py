"""Mistakes sown into a copy of the judge: each must be noticed by a small comparison with pandera and the oracles.

A seed is a piece of source text and what it is replaced by. One that no longer applies fails and says so: sow the same
mistake into the new words, or drop it where the words it lived on are gone.
"""

from __future__ import annotations

import importlib
import itertools
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Optional

import pandera.polars as pa
import polars as pl
import pytest
from oracles.twenty_eight import COLUMNS, judged, planted
from test_compiled import CUSTOM, TOGETHER, Case, expected
from test_twenty_eight import Shipment

ROOM = Path(__file__).parents[2] / "schemas"
SEEDS: dict[str, tuple[str, str, str]] = {  # what goes wrong: file, words, mistaken words
    "only the outermost node is asked whether it looks at one row": (
        "compile.py",
        "if not node.meta.is_row_separable():",
        "if not expression.meta.is_row_separable():",
    ),
    "of several verdicts the first counts": (
        "compile.py",
        "pl.fold(pl.lit(True), lambda a, b: a & b, parts)",
        "parts[0]",
    ),
    "a warning condemns": ("compile.py", '"warn" if check.raise_warning else severity', "severity"),
    "nulls always pass": ("compile.py", "ignore_na=check.ignore_na", "ignore_na=True"),
    "nulls never pass": ("compile.py", "ignore_na=check.ignore_na", "ignore_na=False"),
    "a value that breaks a function passes": (
        "compile.py",
        "does not hold\n            return False",
        "does not hold\n            return True",
    ),
    "checks of the whole frame are forgotten": ("compile.py", "for check in schema.checks or ()", "for check in ()"),
    "rules on a value that could not be read are asked": (
        "compile.py",
        'if target == "*" else (target,)',
        'if target == "*" else ()',
    ),
    "a row that breaks a strict cast passes": (
        "breaking.py",
        "verdict = pl.repeat(False, values.height",
        "verdict = pl.repeat(True, values.height",
    ),
    "a row that breaks an expression passes": (
        "breaking.py",
        '"verdict", [False] * values',
        '"verdict", [True] * values',
    ),
    "one verdict for all rows is taken as true": ("evaluate.py", "pl.repeat(verdict[0], ", "pl.repeat(True, "),
    "a true or false for all rows is turned round": ("evaluate.py", "pl.repeat(found, ", "pl.repeat(not found, "),
    "what is null is decided for the rule": (
        "splitting.py",
        "~verdict.fill_null(rule.ignore_na)",
        "~verdict.fill_null(True)",
    ),
    "nulls that must not pass settle a rule": ("splitting.py", "(nulls == 0 or rule.ignore_na) and verdict", "verdict"),
    "rows already complained of are asked": ("splitting.py", "failed & ~skipped, asked", "failed, asked"),
    "a rule that only warns condemns": ("looked.py", ' if failure.severity == "error"]', "]"),
    "values that come twice are overlooked": (
        "repeats.py",
        "ordered.slice(1) == ordered",
        "ordered.slice(1) != ordered",
    ),
    "of suspects none are taken": ("suspects.py", 'content = ["_ordinal"]', "content = list[str]()"),
    "an optional column may be null": ("values.py", "(here or column.key)", "column.required"),
    "a value that cannot be read is missing, too": ("values.py", "nulls = nulls & ~wrong", "nulls = nulls | wrong"),
    "a default replaces values": ("values.py", "value.zip_with(value.is_not_null()", "value.zip_with(value.is_null()"),
    "a column that is missing is null": (
        "values.py",
        "if not here and column.required",
        "if False and column.required",
    ),
    "a blank is unparsable": ("parse.py", "read.is_null() & ~blank(texts)", "read.is_null()"),
    "a typed value that does not fit is null": (
        "parse.py",
        "return value, pulled.is_not_null() & value.is_null()",
        "return value, None",
    ),
    "a typed number is cut off": (
        "casting.py",
        "    return pl.when(value.cast(pulled, strict=False) == raw).then(value)\n\n\ndef _widens",
        "    return value\n\n\ndef _widens",
    ),
    "a number may be followed by anything": ("texts.py", r"|{number}-)$", r"|{number}-)"),
    "digits beyond the type's are rounded": ("texts.py", '"[0-9]{{0,{most}}}0*"', '"[0-9]*"'),
    "a negative amount loses its sign": ("texts.py", 'text.str.starts_with("("', 'text.str.starts_with("["'),
    "a doubled hour is taken": ("times.py", 'ambiguous="null"', 'ambiguous="earliest"'),
    "a strict model lets columns in": ("shape.py", "if spec.strict and more", "if not spec.strict and more and False"),
    "a pattern governs columns that have a field": ("expanding.py", "if name not in own", "if name"),
    "records of one key that differ are duplicates": ("resolve.py", ".when(~pl.col(_SAME))", ".when(False)"),
}
Face = Any  # the module `judging` of a copy


def copy_of(folder: Path, name: str, change: tuple[str, str, str] | None) -> Face:
    """The room under another name, with one change."""
    room = folder / name / "schemas"
    room.mkdir(parents=True)
    for file in ROOM.glob("*.py"):
        text = file.read_text("utf-8")
        if change and file.name == change[0]:
            text = text.replace(change[1], change[2])
        (room / file.name).write_text(text.replace("tilth.schemas", f"{name}.schemas"), "utf-8")
    sys.path.insert(0, str(folder))
    try:
        return importlib.import_module(f"{name}.schemas.judging")
    finally:
        sys.path.remove(str(folder))
        for module in [module for module in sys.modules if module.startswith(f"{name}.")]:
            del sys.modules[module]


def cases() -> Iterator[Case]:
    """Models with checks of every kind on columns with nulls; what is right is what pandera's own functions say."""
    frame = pl.DataFrame({"a": [3, None, 1, 1, 5, 2], "b": ["ab", "cd", None, "x", "ab", None]})
    for ignore, nullable in itertools.product([True, False], [frozenset("ab"), frozenset("b")]):

        def schema(ignore: bool = ignore, nullable: frozenset[str] = nullable) -> pa.DataFrameSchema:
            more = {"ignore_na": ignore}
            column = [
                pa.Check.gt(1, **more),
                pa.Check.isin([1, 2, 3], **more),
                pa.Check(_short, element_wise=True, name="long", **more),
            ]
            column += [pa.Check(CUSTOM[name], name=name, **more) for name in CUSTOM]
            column.append(pa.Check(_one_for_all, name="one for all", **more))
            words = [pa.Check.str_matches("ab|cd", **more), pa.Check.str_length(2, 2, **more)]
            whole = [pa.Check(TOGETHER[name][0], name=name) for name in TOGETHER]
            columns = {"a": pa.Column(int, column, nullable="a" in nullable), "b": pa.Column(str, words, nullable=True)}
            return pa.DataFrameSchema(columns, checks=whole)

        yield Case(schema, frame, nullable)


def _one_for_all(data: Any) -> pl.LazyFrame:
    return data.lazyframe.select(pl.col(data.key).max() > 99)


def _short(value: Any) -> bool:
    return len(str(value)) > 2


def compiled_as_pandera_says(face: Face) -> bool:
    for case in cases():
        toxic = face.Judge.of(case.schema()).rows(case.frame.with_row_index("_row")).toxic
        told = [(row["_row"], r["column"] or "", r["rule"]) for row in toxic.to_dicts() for r in row["reasons"]]
        if sorted(told) != expected(case):
            return False
    return True


ROWS = [*planted(400, 7, share=0.5, repeated=0.3)]
RIGHT = judged(ROWS)
FRAME = pl.DataFrame({name: [row[name] for row in ROWS] for name in COLUMNS}, schema=dict.fromkeys(COLUMNS, pl.String))


def rows_as_the_oracle_says(face: Face) -> bool:
    verdict = face.judge(FRAME, Shipment)
    found = sorted(verdict.reasons.select("row", "rule", "column", "value").rows(), key=lambda reason: reason[:3])
    good = [{name: values[name] for name in COLUMNS} for _, values in sorted(RIGHT.good.items())]
    return found == RIGHT.reasons and verdict.good.select(COLUMNS).to_dicts() == good


class Small(pa.DataFrameModel):
    """What the other two do not have."""

    a: int = pa.Field(default=7, unique=True)
    b: Optional[float]  # noqa: UP045
    c_1: float = pa.Field(ge=0.5, nullable=True)
    rest: float = pa.Field(alias="^c_.$", regex=True, nullable=True)
    d: str = pa.Field(nullable=True)
    e: int

    @pa.check("c_1", raise_warning=True)
    def never(cls, data: pa.PolarsData) -> pl.LazyFrame:
        return data.lazyframe.select(pl.col(data.key) > 99)

    @pa.check("d")
    def number(cls, data: pa.PolarsData) -> pl.LazyFrame:
        return data.lazyframe.select(pl.col(data.key).cast(pl.Int64) > 1)

    @pa.check("d")
    def parts(cls, data: pa.PolarsData) -> pl.LazyFrame:
        return data.lazyframe.select(pl.col(data.key).str.split(",").cast(pl.List(pl.Int64)).list.len() > 0)

    @pa.check("d", element_wise=True)
    def odd(cls, value: str) -> bool:
        return int(value) % 2 == 1

    class Config:
        strict = True


def told_by_hand(face: Face) -> bool:
    frame = pl.DataFrame({
        "a": ["1", None, "x", "4"], "b": [1, None, 2**53 + 1, 4], "c_1": [1.0, None, None, 0.1], "c_2": [1.0] * 4,
        "d": ["3", None, "y", None], "e": [1.0, 2.5, 3.0, 4.0],
    })  # fmt: skip
    told = face.judge(frame, Small).reasons
    reasons = told.filter(pl.col("severity") == "error").select("row", "column", "rule").rows()
    right = [
        (1, "b", "not_null"), (1, "e", "parse"), (2, "a", "parse"), (2, "b", "parse"), (2, "d", "number"),
        (2, "d", "odd"), (2, "d", "parts"), (3, "c_1", "greater_than_or_equal_to"),
    ]  # fmt: skip
    whole = frame.with_columns(z=1).drop("e")
    every = [(row, rule) for row in range(4) for rule in ("column", "strict")]
    said = [(row, rule) for row, _, rule in face.judge(whole, Small).reasons.select("row", "column", "rule").rows()]
    twice = face.judge(pl.DataFrame({"a": [1, 1], "b": 1, "c_1": 1, "c_2": 1, "d": None, "e": 1}), Small)
    return (
        sorted(reasons) == right
        and sorted(one for one in said if one[1] in ("column", "strict")) == every
        and twice.reasons.filter(pl.col("severity") == "error")["rule"].to_list() == ["unique", "unique"]
    )


CHECKS: tuple[Callable[[Face], bool], ...] = (told_by_hand, compiled_as_pandera_says, rows_as_the_oracle_says)


def test_a_copy_without_a_mistake_passes(tmp_path: Path) -> None:
    face = copy_of(tmp_path, "sound", None)
    assert [check.__name__ for check in CHECKS if not check(face)] == []


def test_every_seed_applies() -> None:
    for wrong, (file, words, _) in SEEDS.items():
        found = (ROOM / file).read_text("utf-8").count(words)
        assert found == 1, f"sow it anew: {wrong!r} no longer applies, schemas/{file} holds {words!r} {found} times"


@pytest.mark.long
@pytest.mark.parametrize("seed", SEEDS)
def test_a_mistake_is_noticed(tmp_path: Path, seed: str) -> None:
    face = copy_of(tmp_path, f"mutant_{[*SEEDS].index(seed)}", SEEDS[seed])
    assert not all(_passes(check, face) for check in CHECKS), f"nobody noticed that {seed}"


def _passes(check: Callable[[Face], bool], face: Face) -> bool:
    try:
        return check(face)
    except Exception:  # a judge that breaks is noticed
        return False
