"""What is written into cells: one by one and by the column, a spreadsheet takes none for a formula."""

from __future__ import annotations

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from tilth.pipelines.corrections import safe, safe_texts


@given(st.lists(st.text(alphabet=st.sampled_from(" \u00a0=+-@\t\r\n'ab1"), max_size=4), max_size=8))
def test_columns_are_as_safe_as_cells(cells: list[str]) -> None:
    frame = pl.DataFrame({"cell": cells}, schema={"cell": pl.String})
    assert frame.select(safe_texts(pl.col("cell")))["cell"].to_list() == [safe(cell) for cell in cells]


def test_nothing_stays_nothing() -> None:
    assert pl.select(safe_texts(pl.lit(None, dtype=pl.String))).item() is None
