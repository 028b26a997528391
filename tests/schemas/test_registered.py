"""Checks with a name of their own: pandera's registered ones (for which it imports pandas), and named ones."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pandera.polars as pa
import polars as pl
import pytest

from tilth.schemas.judging import judge

REGISTERED = """
import json
import pandera.extensions as extensions
import pandera.polars as pa
import polars as pl
from tilth.schemas.judging import judge

@extensions.register_check_method(statistics=["most"])
def below(data, *, most):
    return data.lazyframe.select(pl.col(data.key) < most)

@extensions.register_check_method(statistics=["step"], check_type="element_wise")
def stepped(value, *, step):
    return value % step == 0

@extensions.register_check_method()
def even(data):
    return data.lazyframe.select(pl.col(data.key) % 2 == 0)

class Model(pa.DataFrameModel):
    n: int = pa.Field(below=5)
    m: int = pa.Field(nullable=True, stepped={"step": 3})

schema = pa.DataFrameSchema({"n": pa.Column(int, [pa.Check.even(), pa.Check.below(5)])})
rows = pl.DataFrame({"n": ["1", "2", "7", "x"], "m": ["3", "4", None, "9"]})
found = [judge(rows, one).reasons.select("row", "rule", "column", "expected").rows() for one in (Model, schema)]
print(json.dumps(found))
"""


@pytest.mark.long
def test_registered_checks_are_asked_by_their_names(tmp_path: Path) -> None:
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(tmp_path), "pandas>=3,<4"]
    subprocess.run(pip, check=True, capture_output=True)
    child = f"import sys; sys.path.append({str(tmp_path)!r})\n{REGISTERED}"
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", child], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    by_model, by_schema = json.loads(done.stdout)
    assert by_model == [
        [1, "stepped", "m", "stepped(step=3)"],
        [2, "below", "n", "below(most=5)"],
        [3, "parse", "n", "integer"],
    ]
    assert by_schema == [
        [0, "even", "n", "even to hold"],
        [2, "even", "n", "even to hold"],
        [2, "below", "n", "below(most=5)"],
        [3, "parse", "n", "integer"],
    ]


def test_a_named_check_is_asked_by_its_name() -> None:
    class Model(pa.DataFrameModel):
        n: int
        m: int

        @pa.check("n", name="no three")
        @classmethod
        def anything(cls, data: pa.PolarsData) -> pl.LazyFrame:
            return data.lazyframe.select(pl.col(data.key) != 3)

        @pa.dataframe_check(name="in order")
        @classmethod
        def whatever(cls, data: pa.PolarsData) -> pl.LazyFrame:
            return data.lazyframe.select(pl.col("n") <= pl.col("m"))

    frame = pl.DataFrame({"n": ["1", "3", "5"], "m": ["1", "2", "6"]})
    named = pa.DataFrameSchema(
        {"n": pa.Column(int, pa.Check(lambda data: data.lazyframe.select(pl.col(data.key) < 5), name="few"))}
    )
    assert judge(frame, Model).reasons.select("row", "rule").rows() == [(1, "no three"), (1, "in order")]
    assert judge(frame.select("n"), named).reasons.select("row", "rule").rows() == [(2, "few")]
