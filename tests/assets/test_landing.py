"""What was pulled is in the lake, exactly, once; what interrupts it costs nothing."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pytest

from tilth.assets import parquet
from tilth.assets.declared import Deletes, TableDeclaration
from tilth.assets.lake import Lake, Run
from tilth.assets.landing import land
from tilth.assets.pulls import BatchRow, PullRow, batches_of, landed_pulls, open_pull, pull_row
from tilth.connectors.protocol import Batch, Fault, Origin, Pull
from tilth.errors import SourceError

TABLE = TableDeclaration("customers", "contracts.Customer", "erp", "crm.Contacts", cursor="changed")
RunAt = Callable[[int], Run]


def _rows(start: int, count: int) -> list[dict[str, Any]]:
    return [
        {"id": str(n), "name": f"n{n}", "changed": f"2026-01-{n % 28 + 1:02d}"} for n in range(start, start + count)
    ]


def _land(
    lake: Lake, run: Run, source: Any, table: TableDeclaration = TABLE, **how: Any
) -> tuple[PullRow, list[BatchRow]]:
    pull_id = land(source, table, lake, run, key=["id"], columns=["id", "name", "changed"], **how)
    with lake.state.read() as connection:
        return pull_row(connection, pull_id), batches_of(connection, pull_id)


def _pull(lake: Lake, kind: str = "rows") -> PullRow | None:
    with lake.state.read() as connection:
        return open_pull(connection, "customers", kind)


def test_a_complete_pull_is_landed_as_it_came(lake: Lake, run_at: RunAt, source: Any) -> None:
    pull, batches = _land(lake, run_at(0), source([_rows(0, 3), _rows(3, 2)]))
    assert (pull.state, pull.number, pull.pulled, pull.whole, pull.cursor) == ("landed", 1, 5, True, {"at": 2})
    assert pull.source_time is not None and pull.resume is None
    assert [batch.path for batch in batches] == [
        f"raw/erp/crm-contacts/customers/p{pull.id}/b{n}.parquet" for n in (1, 2)
    ]
    assert [batch.origin["offset"] for batch in batches] == [0, 3]
    assert pl.concat(parquet.read(lake.storage, batch.path) for batch in batches).to_dicts() == _rows(0, 5)
    assert all(batch.bytes == lake.storage.size(batch.path) for batch in batches)


def test_the_next_pull_starts_at_the_cursor(lake: Lake, run_at: RunAt, source: Any) -> None:
    first, second, full = source([_rows(0, 3)]), source([_rows(3, 1)]), source([_rows(0, 4)])
    _land(lake, run_at(0), first)
    _land(lake, run_at(1), second)
    pull, _ = _land(lake, run_at(2), full, whole=True)
    assert [one.asked[0].cursor for one in (first, second, full)] == [None, {"at": 1}, None]
    assert [one.asked[0].whole for one in (first, second, full)] == [False, False, True]
    assert pull.number == 3 and first.asked[0].cursor_column == "changed"


def test_a_replaced_table_is_always_read_whole(lake: Lake, run_at: RunAt, source: Any) -> None:
    table = replace(TABLE, load="replace")
    _land(lake, run_at(0), source([_rows(0, 1)]), table)
    again = source([_rows(0, 1)])
    _land(lake, run_at(1), again, table)
    assert again.asked[0].whole and again.asked[0].cursor is None


def test_nothing_new_writes_no_file(lake: Lake, run_at: RunAt, source: Any) -> None:
    pull, batches = _land(lake, run_at(0), source([]))
    assert (pull.state, pull.pulled, batches) == ("landed", 0, []) and list(lake.storage.list("raw")) == []


def test_tombstones_and_refused_files_are_batches_of_their_own(lake: Lake, run_at: RunAt, source: Any) -> None:
    fault = Fault("trailer_count", None, "3", "2 records")
    pull, batches = _land(lake, run_at(0), source([_rows(0, 2), fault], deleted=[{"id": "9"}]))
    assert [(batch.kind, batch.rows) for batch in batches] == [("rows", 2), ("fault", 1), ("tombstones", 1)]
    assert pull.pulled == 4 and batches[1].fault is not None and batches[1].fault["rule"] == "trailer_count"


def test_a_dead_source_keeps_what_came_and_the_next_run_goes_on(lake: Lake, run_at: RunAt, source: Any) -> None:
    parts = [_rows(0, 1000), _rows(1000, 234), _rows(1234, 10)]
    with pytest.raises(SourceError) as caught:
        _land(lake, run_at(0), source(parts, fails_before=2))
    assert caught.value.kept == "2 batches (1,234 records) are kept, the next run goes on from there"
    assert caught.value.next == "tilth sources check erp" and caught.value.what == "it hung up"
    begun = _pull(lake)
    assert begun is not None and begun.resume == {"next": 2} and begun.pulled == 1234
    again = source(parts)
    pull, batches = _land(lake, run_at(1), again)
    assert again.asked[0].resume == {"next": 2} and pull.id == begun.id and pull.run_id == "run-0"
    assert pl.concat(parquet.read(lake.storage, batch.path) for batch in batches).to_dicts() == _rows(0, 1244)
    assert pull.pulled == 1244 and _pull(lake) is None


def test_a_source_that_says_itself_what_is_kept_is_believed(lake: Lake, run_at: RunAt, source: Any) -> None:
    class Short(source):
        def pull(self, request: Pull) -> Any:
            yield Batch(pa.Table.from_pylist(_rows(0, 3)), Origin("erp", request.object), {"page": 2})
            raise SourceError("page 2 is short", kept="page 1 is kept, the next run goes on from page 2")

    with pytest.raises(SourceError) as caught:
        _land(lake, run_at(0), Short())
    assert caught.value.kept == "page 1 is kept, the next run goes on from page 2"


def test_a_source_that_was_dead_from_the_start_kept_nothing(lake: Lake, run_at: RunAt, source: Any) -> None:
    with pytest.raises(SourceError) as caught:
        _land(lake, run_at(0), source([_rows(0, 1)], fails_before=0))
    assert caught.value.kept == ""


def test_a_source_that_ends_without_saying_so_is_not_complete(lake: Lake, run_at: RunAt, source: Any) -> None:
    class Silent(source):
        def pull(self, request: Pull) -> Any:
            yield Batch(pa.table({"id": ["1"]}), Origin("erp", request.object), resume={"next": 1})

    with pytest.raises(SourceError, match="before it said that everything was read"):
        _land(lake, run_at(0), Silent())
    assert _pull(lake) is not None


def test_a_full_pull_takes_over_from_an_unfinished_one(lake: Lake, run_at: RunAt, source: Any) -> None:
    _land(lake, run_at(0), source([_rows(0, 3)]))
    with pytest.raises(SourceError):
        _land(lake, run_at(1), source([_rows(3, 2), _rows(5, 1)], fails_before=1))
    pull, _ = _land(lake, run_at(2), source([_rows(0, 6)]), whole=True)
    assert pull.number == 3
    with lake.state.read() as connection:
        states = [
            (one.number, one.pulled, one.whole, one.source_time is None)
            for one in landed_pulls(connection, "customers")
        ]
    assert states == [(1, 3, True, False), (2, 2, False, True), (3, 6, True, False)]
    new = source([])
    _land(lake, run_at(3), new)
    assert new.asked[0].cursor == {"at": 1}  # of the full pull


def test_an_unfinished_full_pull_goes_on_as_one(lake: Lake, run_at: RunAt, source: Any) -> None:
    with pytest.raises(SourceError):
        _land(lake, run_at(0), source([_rows(0, 3), _rows(3, 1)], fails_before=1), whole=True)
    again = source([_rows(0, 3), _rows(3, 1)], whole=False)
    pull, _ = _land(lake, run_at(1), again)
    assert again.asked[0].whole and again.asked[0].resume == {"next": 1} and pull.whole


def test_another_object_starts_anew(lake: Lake, run_at: RunAt, source: Any) -> None:
    _land(lake, run_at(0), source([_rows(0, 1)]))
    with pytest.raises(SourceError):
        _land(lake, run_at(1), source([_rows(1, 1), _rows(2, 1)], fails_before=1))
    moved = source([_rows(0, 2)])
    pull, _ = _land(lake, run_at(2), moved, replace(TABLE, object="crm.people"))
    assert moved.asked[0].cursor is None and moved.asked[0].resume is None and pull.number == 3


def test_keys_are_compared_when_it_is_time(lake: Lake, run_at: RunAt, source: Any) -> None:
    table = replace(TABLE, deletes=Deletes("compare_keys", every=timedelta(days=2)))
    pulls = []
    for day in range(4):
        pulls.append(source([_rows(0, 3)]))
        _land(lake, run_at(day), pulls[-1], table)
    assert [[asked.keys_only for asked in one.asked] for one in pulls] == [
        [False, True],
        [False],
        [False, True],
        [False],
    ]
    with lake.state.read() as connection:
        keys = [pull for pull in landed_pulls(connection, "customers") if pull.kind == "keys"]
        (batch,) = batches_of(connection, keys[0].id)
    assert [pull.number for pull in keys] == [2, 5] and parquet.read(lake.storage, batch.path).columns == ["id"]


def test_an_unfinished_comparison_of_keys_goes_on(lake: Lake, run_at: RunAt, source: Any) -> None:
    table = replace(TABLE, deletes=Deletes("compare_keys"))

    class Fails(source):
        def pull(self, request: Pull) -> Any:
            return source(self.parts, fails_before=1 if request.keys_only else None).pull(request)

    with pytest.raises(SourceError, match="1 batch"):
        _land(lake, run_at(0), Fails([_rows(0, 3), _rows(3, 2)]), table)
    again = source([_rows(0, 3), _rows(3, 2)])
    _land(lake, run_at(0), again, table)
    assert [asked.resume for asked in again.asked] == [None, {"next": 1}] and _pull(lake, "keys") is None


_DIE = """
import json, os, signal, sys
from datetime import UTC, datetime
from pathlib import Path
import pyarrow as pa
from tilth.assets.database import open_state
from tilth.assets.declared import TableDeclaration
from tilth.assets.lake import Lake, Run
from tilth.assets.landing import land
from tilth.assets.storage import LocalStorage
from tilth.connectors.protocol import Batch, Complete, Dataset, Origin

folder, dies_at, where = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]

class Dying(LocalStorage):
    def size(self, rel):  # asked for between the file and the transaction that names it
        if where == "file" and rel.endswith(f"b{dies_at}.parquet"):
            os.kill(os.getpid(), signal.SIGKILL)
        return super().size(rel)

class Source:
    def dataset(self, object):
        return Dataset("memory", object)

    def pull(self, request):
        first = request.resume["next"] if request.resume else 0
        for part in range(first, 4):
            if where == "transaction" and part == dies_at:
                os.kill(os.getpid(), signal.SIGKILL)
            yield Batch(pa.table({"id": [str(part)]}), Origin("erp", "o"), resume={"next": part + 1})
        yield Batch(pa.table({}), Origin("erp", "o"), complete=Complete({}, True, datetime.now(UTC)))

lake = Lake(Dying(folder / "lake"), open_state(f"sqlite:///{folder / 'state.db'}"), folder / "c")
table = TableDeclaration("customers", "c", "erp", "o")
land(Source(), table, lake, Run("r", "n", datetime.now(UTC)), key=["id"], columns=["id"])
"""


@pytest.mark.parametrize("where", ["file", "transaction"])
def test_a_kill_between_file_and_state_costs_nothing(tmp_path: Path, lake: Lake, where: str) -> None:
    for dies_at in (1, 3):
        done = subprocess.run([sys.executable, "-c", _DIE, str(tmp_path), str(dies_at), where], check=False)
        assert done.returncode == -signal.SIGKILL
    subprocess.run([sys.executable, "-c", _DIE, str(tmp_path), "99", where], check=True)
    with lake.state.read() as connection:
        (pull,) = landed_pulls(connection, "customers")
        batches = batches_of(connection, pull.id)
    assert [parquet.read(lake.storage, batch.path)["id"].item() for batch in batches] == ["0", "1", "2", "3"]
    assert pull.pulled == 4 and list(lake.storage.list("raw")) == [batch.path for batch in batches]


def test_a_batch_that_parquet_cannot_hold_names_the_source(lake: Lake, run_at: RunAt, source: Any) -> None:
    class Odd(source):
        def pull(self, request: Pull) -> Any:
            odd = pa.array([{}], pa.struct([]))
            yield Batch(pa.table({"id": ["1"], "span": odd}), Origin("erp", request.object), resume={"next": 1})

    with pytest.raises(SourceError, match="cannot be kept as Parquet"):
        _land(lake, run_at(0), Odd())
    assert [path for path in Path(lake.storage.url("")).rglob("*") if path.is_file()] == []
