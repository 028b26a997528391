"""For any schedule of passing faults, what comes out is what went in, in number and content; and so after any error."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.connectors.http.conftest import ASKED, Taken, Waits, declared, take
from tests.connectors.http.misbehaving import Misbehaving, record, running

PASSING = (
    "status 500", "status 503 1", "status 429 1", "hangup", "reset", "cut", "chunks", "early", "early 0.97", "html",
    "brackets", "nothing", "headless", "short", "empty", "long", "gzip", "revoked",
)  # fmt: skip
FLAWED = st.dictionaries(st.integers(1, 14), st.sampled_from(PASSING), max_size=8)


def expected(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What a record becomes: written out by hand, not by the code that is tried."""
    return [
        {
            "id": r["id"],
            "name": r["name"],
            "score": str(r["score"]),
            "address": f'{{"city":"Köln","lines":[{r["address"]["lines"][0]},1.5]}}',
            "updated_at": r["updated_at"],
        }
        for r in records
        if not r["deleted"]
    ]


def check(taken: Taken, records: list[dict[str, Any]]) -> None:
    assert taken.error is None, taken.error
    assert taken.rows == expected(records)
    assert taken.deleted == [{"id": r["id"], "updated_at": r["updated_at"]} for r in records if r["deleted"]]


@settings(max_examples=60)
@given(
    faults=FLAWED,
    token_faults=st.dictionaries(st.integers(1, 4), st.sampled_from(["status 500", "hangup", "html"]), max_size=3),
    count=st.integers(0, 45),
    size=st.integers(1, 12),
    dead=st.sets(st.integers(0, 45)),
    uses=st.integers(2, 50),
)
def test_nothing_is_lost_and_nothing_comes_twice(
    faults: Mapping[int, str], token_faults: Mapping[int, str], count: int, size: int, dead: set[int], uses: int
) -> None:
    records = [record(n, deleted=n in dead) for n in range(count)]
    size = max(size, count // 10 or 1)
    api = Misbehaving(records, size=size, faults=dict(faults), token_faults=dict(token_faults), uses=uses)
    with tempfile.TemporaryDirectory() as folder, running(api):
        check(take(declared(api, Path(folder), Waits(), tries=20, patience="10m")), records)


@settings(max_examples=40)
@given(
    faults=st.dictionaries(st.integers(1, 30), st.sampled_from(PASSING), max_size=25),
    batch_rows=st.integers(1, 30),
    tries=st.integers(1, 3),
)
def test_a_pull_that_breaks_off_goes_on_where_it_stopped(
    faults: Mapping[int, str], batch_rows: int, tries: int
) -> None:
    """Batches are kept and the token of the last one is handed back, as landing does it."""
    records = [record(n, deleted=n % 7 == 3) for n in range(35)]
    api, kept, goes = Misbehaving(records, faults=dict(faults)), list[Any](), 0
    with tempfile.TemporaryDirectory() as folder, running(api):
        made, resume = declared(api, Path(folder), Waits(), tries=tries), None
        while True:
            goes += 1
            taken = take(made, ASKED, resume=resume, batch_rows=batch_rows)
            kept += taken.batches
            resume = kept[-1].resume if kept else None
            if taken.error is None:
                break
            assert goes < 60, taken.error
    check(Taken(kept), records)
