"""Every record of a pull is judged once and is somewhere: ready, aside or quarantined."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tilth.assets import parquet
from tilth.assets.database import open_state
from tilth.assets.declared import Deletes, TableDeclaration
from tilth.assets.lake import Lake, Run
from tilth.assets.landing import land
from tilth.assets.listing import details, listing
from tilth.assets.pulls import (
    PullRow,
    batches_of,
    latest_keys,
    pending_pulls,
    pull_of_batch,
    pull_row,
    since,
    whole_pulls,
)
from tilth.assets.quarantine import open_count, open_entries
from tilth.assets.ready import Counts, judge_landed, judge_pull
from tilth.assets.storage import LocalStorage
from tilth.assets.sweep import sweep
from tilth.connectors.protocol import Fault
from tilth.errors import LakeError, NotConserved
from tilth.schemas.contract import Contract, field

RunAt = Callable[[int], Run]


class Customer(Contract):
    """People."""

    customer_id: int = field(key=True, source="id")
    name: str = field(nullable=True)
    changed: pl.Date = field()


TABLE = TableDeclaration("customers", "contracts.Customer", "erp", "contacts", cursor="changed")
Row = Mapping[str, Any]


def _row(key: Any, name: str = "a", day: Any = 1) -> Row:
    return {
        "id": str(key) if key is not None else None,
        "name": name,
        "changed": f"2026-01-{day:02}" if isinstance(day, int) else day,
    }


def _land(lake: Lake, run: Run, source: Any, table: TableDeclaration = TABLE) -> int:
    return land(source, table, lake, run, key=["id"], columns=["id", "name", "changed"])


def _night(
    lake: Lake, run: Run, source: Any, table: TableDeclaration = TABLE, contract: object = Customer
) -> tuple[PullRow, Counts]:
    pull_id = _land(lake, run, source, table)
    counts = judge_pull(pull_id, table, contract, lake, run)
    with lake.state.read() as connection:
        return pull_row(connection, pull_id), counts


def _aside(lake: Lake, pull: PullRow) -> list[tuple[int, str]]:
    return parquet.read(lake.storage, pull.aside).select("_ordinal", "state").rows() if pull.aside else []


def _ready(lake: Lake, pull: PullRow) -> list[tuple[Any, ...]]:
    return parquet.read(lake.storage, pull.ready).select("customer_id", "name", "_deleted").sort("customer_id").rows()


def test_good_rows_are_ready_with_their_origin(lake: Lake, run_at: RunAt, source: Any) -> None:
    pull, counts = _night(lake, run_at(0), source([[_row(1), _row(2, "b")], [_row(3)]]))
    frame = parquet.read(lake.storage, pull.ready)
    with lake.state.read() as connection:
        first, second = (batch.id for batch in batches_of(connection, pull.id))
        assert {batch: row.id for batch, row in pull_of_batch(connection, "customers").items()} == dict.fromkeys(
            (first, second), pull.id
        )
    assert frame.schema == {"customer_id": pl.Int64, "name": pl.String, "changed": pl.Date, "_batch": pl.Int64,
                            "_ordinal": pl.Int64, "_deleted": pl.Boolean}  # fmt: skip
    assert frame.select("customer_id", "_batch", "_ordinal").rows() == [(1, first, 0), (2, first, 1), (3, second, 0)]
    assert counts == Counts(3, 3, 0, 0, 0, 0) and (pull.state, pull.aside, pull.toxic) == ("judged", None, None)


def test_toxic_rows_open_entries_with_raw_values_and_reasons(lake: Lake, run_at: RunAt, source: Any) -> None:
    pull, counts = _night(lake, run_at(0), source([[_row(1), _row("x"), _row(2, day="soon")]]))
    assert counts == Counts(3, 1, 0, 0, 2, 0) and pull.toxic
    toxic = parquet.read(lake.storage, pull.toxic)
    assert toxic.select("key", "_ordinal").rows() == [(None, 1), ("2", 2)]
    assert toxic["raw"][1] == '{"changed":"soon","id":"2","name":"a"}'
    newest, oldest = listing(lake.state, lake.storage)
    assert (newest.key, newest.status, newest.rules, newest.path) == ("2", "open", ("parse",), pull.toxic)
    assert newest.reasons[0]["rule"] == "parse" and newest.reasons[0]["value"] == "soon"
    assert [one.id for one in listing(lake.state, lake.storage, rule="parse", limit=1)] == [newest.id]
    assert listing(lake.state, lake.storage, status="superseded") == [] == listing(lake.state, lake.storage, table="u")
    found = details(lake.state, lake.storage, oldest.id[:12])
    assert found is not None and found[0].raw and [one.event for one in found[1]] == ["opened"]


def test_of_one_key_the_newest_stands_and_ties_condemn_each_other(lake: Lake, run_at: RunAt, source: Any) -> None:
    parts = [
        [_row(1, "old", 1), _row(2, "x", 5), _row(3, "same", 2)],
        [_row(1, "new", 2), _row(2, "y", 5), _row(3, "same", 2)],
    ]
    pull, counts = _night(lake, run_at(0), source(parts))
    assert counts == Counts(6, 2, 1, 1, 2, 0)
    assert _ready(lake, pull) == [(1, "new", False), (3, "same", False)]
    assert sorted(_aside(lake, pull)) == [(0, "superseded"), (2, "duplicate")]
    first, second = listing(lake.state, lake.storage)
    told = {
        "rule": "unique",
        "column": "customer_id",
        "value": "2",
        "expected": "one record per key and version",
        "kind": "set",
        "severity": "error",
    }
    assert first.reasons == second.reasons == (told,)
    found = details(lake.state, lake.storage, first.id)
    assert found is not None and found[0].raw == '{"changed":"2026-01-05","id":"2","name":"y"}'


def test_a_toxic_record_seen_again_is_a_duplicate_and_another_supersedes(
    lake: Lake, run_at: RunAt, source: Any
) -> None:
    bad, other = _row(1, day="soon"), _row(1, day="later")
    _night(lake, run_at(0), source([[bad]]))
    pull, counts = _night(lake, run_at(1), source([[bad, bad]]))
    assert counts == Counts(2, 0, 2, 0, 0, 0) and _aside(lake, pull) == [(0, "duplicate"), (1, "duplicate")]
    _, counts = _night(lake, run_at(2), source([[other]]))
    assert counts == Counts(1, 0, 0, 0, 1, 1)
    statuses = [(one.status, one.run_id) for one in listing(lake.state, lake.storage)]
    assert statuses == [("open", "run-2"), ("superseded", "run-0")]


def test_tombstones_are_rows_without_rules(lake: Lake, run_at: RunAt, source: Any) -> None:
    gone = [{"id": "7", "changed": "2026-01-09"}, {"id": "x", "changed": None}]
    pull, counts = _night(lake, run_at(0), source([[_row(7, day=3)]], deleted=gone))
    assert counts == Counts(3, 1, 0, 1, 1, 0) and _ready(lake, pull) == [(7, None, True)]


def test_a_flag_column_makes_tombstones(lake: Lake, run_at: RunAt, source: Any) -> None:
    table = replace(TABLE, deletes=Deletes("column", "gone"))
    rows = [_row(1) | {"gone": "true"}, _row(2) | {"gone": "false"}]
    pull_id = land(source([rows]), table, lake, run_at(0), key=["id"], columns=None)
    judge_pull(pull_id, table, Customer, lake, run_at(0))
    with lake.state.read() as connection:
        assert _ready(lake, pull_row(connection, pull_id)) == [(1, "a", True), (2, "a", False)]


def test_a_refused_file_is_one_toxic_record(lake: Lake, run_at: RunAt, source: Any) -> None:
    pull, counts = _night(lake, run_at(0), source([[_row(1)], Fault("empty", None, None, "records")]))
    assert counts == Counts(2, 1, 0, 0, 1, 0)
    (entry,) = listing(lake.state, lake.storage)
    assert entry.rules == ("empty",) and entry.key is None and pull.quarantined == 1


def test_records_without_a_key_are_known_by_file_and_place(lake: Lake, run_at: RunAt, source: Any) -> None:
    class Line(Contract):
        changed: pl.Date = field()

    rows = [_row(1), _row(1), _row(1, day="soon")]
    _, counts = _night(lake, run_at(0), source([rows], sha256="ab"), contract=Line)
    assert counts == Counts(3, 2, 0, 0, 1, 0)
    _, counts = _night(lake, run_at(1), source([rows], sha256="ab"), contract=Line)
    assert counts == Counts(3, 2, 1, 0, 0, 0)
    _, counts = _night(lake, run_at(2), source([rows], sha256="cd"), contract=Line)
    assert counts == Counts(3, 2, 0, 0, 1, 0)


def test_batches_of_differing_shape_are_each_judged_as_they_are(lake: Lake, run_at: RunAt, source: Any) -> None:
    parts = [[_row(1)], [{"id": 2, "changed": "2026-01-01"}], [{"name": "a"}]]
    pull, counts = _night(lake, run_at(0), source(parts))
    assert counts == Counts(3, 2, 0, 0, 1, 0) and _ready(lake, pull) == [(1, "a", False), (2, None, False)]


def test_a_pull_of_keys_gives_its_keys(lake: Lake, run_at: RunAt, source: Any) -> None:
    table = replace(TABLE, deletes=Deletes("compare_keys"))
    pull, counts = _night(lake, run_at(0), source([[_row(1), _row(2)]]), table)
    with lake.state.read() as connection:
        keys = latest_keys(connection, "customers")
        assert since(connection, "customers", ()) == since(connection, "customers", ((7, 9),))
        assert [one.id for one in pending_pulls(connection, "customers", ())] == [pull.id]
        assert (
            pending_pulls(connection, "customers", ((1, 1),)) == [] and len(whole_pulls(connection, "customers")) == 1
        )
    assert counts.pulled == 2 and keys is not None and keys.pending == 2
    assert parquet.read(lake.storage, keys.ready).rows() == [(1,), (2,)]


def test_what_was_landed_and_never_judged_is_judged_later(lake: Lake, run_at: RunAt, source: Any) -> None:
    first = _land(lake, run_at(0), source([[_row(1)]]))
    second = _land(lake, run_at(1), source([[_row(2)]]))
    assert list(judge_landed(TABLE, Customer, lake, run_at(2))) == [first, second]
    assert judge_landed(TABLE, Customer, lake, run_at(2)) == {}
    assert judge_pull(first, TABLE, Customer, lake, run_at(2)) == Counts(1, 1, 0, 0, 0, 0)


def test_quality_is_counted_over_all_batches(lake: Lake, run_at: RunAt, source: Any) -> None:
    from tilth.assets.state import quality

    _night(lake, run_at(0), source([[_row(1), _row("x")], [_row(1, "b"), _row(4, day="soon")]]))
    with lake.state.read() as connection:
        found = {(row.rule, row.column): (row.checked, row.failed) for row in connection.execute(quality.select())}
    assert found["parse", "customer_id"] == (4, 1) and found["parse", "changed"] == (4, 1)
    assert found["unique", "customer_id"] == (2, 2)


def test_a_landed_file_that_is_gone_or_damaged_is_told(lake: Lake, run_at: RunAt, source: Any) -> None:
    pull_id = _land(lake, run_at(0), source([[_row(1)]]))
    with lake.state.read() as connection:
        (batch,) = batches_of(connection, pull_id)
    path = Path(lake.storage.url(batch.path))
    path.write_bytes(b"PAR1 this is none")
    with pytest.raises(LakeError, match="cannot be read"):
        judge_pull(pull_id, TABLE, Customer, lake, run_at(0))
    path.unlink()
    with pytest.raises(LakeError, match="missing"):
        judge_pull(pull_id, TABLE, Customer, lake, run_at(0))


def test_records_that_vanish_are_not_waved_through(lake: Lake, run_at: RunAt, source: Any) -> None:
    pull_id = _land(lake, run_at(0), source([[_row(1), _row(2)]]))
    with lake.state.read() as connection:
        (batch,) = batches_of(connection, pull_id)
    with lake.storage.create(batch.path) as file:
        parquet.write(file, source.table([_row(1)], request=type("R", (), {"keys_only": False})()))
    with pytest.raises(NotConserved, match="pulled 2, in its files 1"):
        judge_pull(pull_id, TABLE, Customer, lake, run_at(0))
    with lake.state.read() as connection:
        assert pull_row(connection, pull_id).state == "landed" and open_count(connection, "customers") == 0


def test_the_sweep_takes_what_nobody_names(lake: Lake, run_at: RunAt, source: Any) -> None:
    _night(lake, run_at(0), source([[_row(1), _row(1), _row("x")]]))
    named = [path for folder in ("raw", "ready", "toxic") for path in lake.storage.list(folder)]
    assert len(named) == 4 and sweep(lake, ()) == []
    for path in (
        "raw/erp/contacts/customers/p1/b9.parquet",
        "ready/customers/p9.parquet",
        "settled/customers/r.parquet",
    ):
        with lake.storage.create(path) as file:
            file.touch()
    assert len(sweep(lake, ())) == 3
    assert [path for folder in ("raw", "ready", "toxic", "settled") for path in lake.storage.list(folder)] == named


_DIE = """
import os, signal, sys
from pathlib import Path
from tilth.assets.database import State, open_state
from tilth.assets.lake import Lake
from tilth.assets.storage import LocalStorage
from tilth.assets.declared import TableDeclaration
from tilth.assets.ready import judge_landed
from tilth.assets.lake import Run
from tilth.schemas.contract import Contract, field
from datetime import datetime, UTC
import polars as pl

class Customer(Contract):
    customer_id: int = field(key=True, source="id")
    name: str = field(nullable=True)
    changed: pl.Date = field()

TABLE = TableDeclaration("customers", "contracts.Customer", "erp", "contacts", cursor="changed")

class Dying(LocalStorage):
    def create(self, rel):
        if sys.argv[2] in rel:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().create(rel)

class DyingState(State):
    def begin(self):
        if sys.argv[2] == "state":
            os.kill(os.getpid(), signal.SIGKILL)
        return super().begin()

folder = Path(sys.argv[1])
state = open_state(f"sqlite:///{folder / 'state.db'}")
lake = Lake(Dying(folder / "lake"), DyingState(state.engine, state.where), folder / "c")
judge_landed(TABLE, Customer, lake, Run("r", "n", datetime.now(UTC)))
"""


@pytest.mark.parametrize("at", ["ready/", "toxic/", ".aside.", "state"])
def test_a_kill_while_judging_changes_nothing(tmp_path: Path, lake: Lake, run_at: RunAt, source: Any, at: str) -> None:
    pull_id = _land(lake, run_at(0), source([[_row(1), _row(1), _row("x"), _row(2, "a"), _row(2, "b")]]))
    command = [sys.executable, "-c", _DIE, str(tmp_path), at]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    counts = judge_pull(pull_id, TABLE, Customer, lake, run_at(1))
    assert counts == Counts(5, 1, 1, 0, 3, 0)
    assert sweep(lake, ()) == [] and len(listing(lake.state, lake.storage)) == 3


# --- the specification, once more: what one pull after another does to each record -------------------------------


@dataclass
class _Told:
    key: int | None
    content: int
    day: int
    dead: bool
    good: bool
    pull: int
    state: str = "pulled"

    def same(self) -> tuple[object, ...]:
        return self.content, self.dead, self.day, self.good


def _quarantine(records: Sequence[_Told], record: _Told) -> None:
    entries = [
        r for r in records if r.state == "open" and r is not record and r.key is not None and r.key == record.key
    ]
    if any(r.same() == record.same() for r in entries):
        record.state = "duplicate"
        return
    for entry in entries:
        if entry.pull < record.pull:
            entry.state = "superseded_open"
    record.state = "open"


def _specified(records: list[_Told], pull: list[_Told]) -> None:
    records += pull
    groups: dict[int, list[_Told]] = {}
    for record in pull:
        record.state = "pending"
        if record.key is not None and (record.dead or record.good):
            groups.setdefault(record.key, []).append(record)
        else:
            _quarantine(records, record)
    for group in groups.values():
        newest = max(r.day for r in group)
        top = [r for r in group if r.day == newest]
        for record in group:
            record.state = record.state if _among(record, top) else "superseded"
        if len({r.same() for r in top}) > 1:
            for record in top:
                _quarantine(records, record)
        else:
            for record in top[1:]:
                record.state = "duplicate"


def _among(record: _Told, records: Sequence[_Told]) -> bool:
    return any(record is one for one in records)


_RECORD = st.builds(
    _Told, key=st.sampled_from([None, 0, 0, 1, 1, 2, 3]), content=st.integers(0, 1), day=st.integers(1, 3),
    dead=st.booleans(), good=st.sampled_from([True, True, False]), pull=st.just(0),
)  # fmt: skip


NIGHTS = st.lists(st.lists(st.lists(_RECORD, max_size=6), max_size=3), min_size=1, max_size=3)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(nights=NIGHTS)
def test_every_record_is_where_the_specification_says(
    nights: list[list[list[_Told]]], source: Any, run_at: RunAt
) -> None:
    compare(nights, source, run_at)


@pytest.mark.long
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(nights=NIGHTS)
def test_every_record_is_where_the_specification_says_in_many_nights(
    nights: list[list[list[_Told]]], source: Any, run_at: RunAt
) -> None:
    compare(nights, source, run_at)


def compare(nights: list[list[list[_Told]]], source: Any, run_at: RunAt) -> None:
    told: list[_Told] = []
    table = replace(TABLE, deletes=Deletes("column", "gone"))
    with TemporaryDirectory() as folder:
        lake = Lake(LocalStorage(Path(folder) / "lake"), open_state(f"sqlite:///{folder}/state.db"), Path(folder) / "c")
        for number, parts in enumerate(nights):
            before = Counter(r.state for r in told)
            pull = [replace(record, pull=number) for part in parts for record in part]
            _specified(told, pull)
            rows = [[_as_row(record) for record in part] for part in parts]
            pull_id = land(source(rows), table, lake, run_at(number), key=["id"], columns=None)
            counts = judge_pull(pull_id, table, Strict, lake, run_at(number))
            after = Counter(r.state for r in pull)
            gone = Counter(r.state for r in told)["superseded_open"] - before["superseded_open"]
            expected = Counts(len(pull), after["pending"], after["duplicate"], after["superseded"], after["open"], gone)
            assert counts == expected
            with lake.state.read() as connection:
                assert open_entries(connection, "customers").height == sum(r.state == "open" for r in told)
        lake.state.close()


class Strict(Customer):
    """Negative scores are toxic."""

    score: int = field(ge=0)


def _as_row(record: _Told) -> Row:
    score = record.content if record.good else -1 - record.content
    return _row(record.key, day=record.day) | {"score": str(score), "gone": str(record.dead).lower()}
