"""Random nights: the house and the oracle agree on every record, every count and every row."""

from __future__ import annotations

import random
import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import count
from pathlib import Path

import pyarrow as pa
import pytest
from company import Child, Parent, Scripted, declaration, frame_of, lake_in, run_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oracles.states import Project, Record, Table
from record_states import record_states

from tilth.assets.declared import Deletes, TableDeclaration, Toxic
from tilth.assets.lake import Lake
from tilth.assets.night import Publishable, ingest_table, publish_night, set_right
from tilth.assets.publishing.history import accept
from tilth.assets.publishing.planning import plan
from tilth.assets.publishing.release import Releases
from tilth.assets.publishing.verify import verify
from tilth.errors import SourceError
from tilth.schemas.contract import Contract
from tilth.schemas.contract import field as column

COLUMNS = {"id": pa.int64(), "content": pa.int64(), "version": pa.int64(), "gone": pa.bool_()}
LOADS = ("merge", "merge", "replace", "append", "compare")  # compare: merge, and a comparison of keys every night


class Line(Contract):
    """Has no key."""

    content: int = column(ge=0)


CONTRACTS: Mapping[str, type] = {"parents": Parent, "children": Child, "lines": Line}


@dataclass(frozen=True)
class Answer:
    """What one source says in one night; None rows: it is down."""

    rows: tuple[Record, ...] | None
    whole: bool
    breaks_after: int | None
    keys: frozenset[int] | None = None  # what a comparison of keys finds
    file: str | None = None  # of a table without a key: which file the rows come from


@dataclass(frozen=True)
class Night:
    answers: tuple[Answer, ...]  # one a table
    publish: bool
    accept: frozenset[str]


DOWN = Answer(None, whole=False, breaks_after=None)
LAST = Night((DOWN, DOWN), publish=True, accept=frozenset())  # no source answers: what waits is published


@dataclass(frozen=True)
class History:
    """Declared tables, and what happened to them night by night."""

    tables: tuple[TableDeclaration, ...]
    models: tuple[Table, ...]
    nights: tuple[Night, ...]


def family(seed: int) -> History:
    """Parents and children: dense enough that keys meet, versions tie, pulls wait and orphans come home."""
    rnd = random.Random(seed)
    load, share = rnd.choice(LOADS), rnd.choice([1.0, 1.0, 0.4])
    versioned, publishing = rnd.random() < 0.8, rnd.choice([0.85, 0.5])
    nights: list[Night] = []
    seen: tuple[list[Record], list[Record]] = ([], [])
    for _ in range(rnd.randint(2, 5)):
        both = tuple(_answer(rnd, child, load if child else "merge", versioned, seen[child]) for child in (False, True))
        accepted = frozenset({"parents", "children"}) if rnd.random() < 0.15 else frozenset[str]()
        nights.append(Night(both, rnd.random() < publishing, accepted))
    toxic, known = Toxic(share, 3), "merge" if load == "compare" else load
    deletes = {"merge": Deletes("column", "gone"), "compare": Deletes("compare_keys", every=timedelta(0))}
    tables = (
        declaration("parents", toxic=toxic),
        declaration("children", toxic=toxic, load=known, deletes=deletes.get(load, Deletes())),
    )
    models = (Table("parents", "merge", None, share, 3), Table("children", known, "parents", share, 3))
    return History(tables, models, (*nights, LAST))


def _answer(rnd: random.Random, child: bool, load: str, versioned: bool, seen: list[Record]) -> Answer:
    whole = load == "replace" and rnd.random() < 0.85
    if rnd.random() < 0.1:
        return Answer(None, whole, None)
    dying = load == "merge"
    fresh = [_record(rnd, child, dying, versioned) for _ in range(rnd.choice([0, 3, 6, 9, 12]))]
    rows = tuple(rnd.choice(seen) if seen and rnd.random() < 0.3 else record for record in fresh)  # sources repeat
    seen += fresh
    keys = frozenset(key for key in range(7) if rnd.random() < 0.7) if load == "compare" else None
    return Answer(rows, whole, rnd.choice([0, 1]) if rnd.random() < 0.15 else None, keys)


def _record(rnd: random.Random, child: bool, dying: bool, versioned: bool) -> Record:
    return Record(
        key=None if rnd.random() < 0.04 else rnd.randrange(7),
        content=rnd.randrange(2),
        version=rnd.choice([None, 1, 2, 3, 3, 4, 5]) if versioned else None,
        parent=rnd.randrange(8) if child and rnd.random() < 0.7 else None,
        tombstone=dying and rnd.random() < 0.1,
        bad=rnd.random() < 0.15,
    )


def lines(seed: int) -> History:
    """A table without a key: files that come again, and rows that come from no file."""
    rnd = random.Random(seed)
    load, share, publishing = rnd.choice(["append", "replace"]), rnd.choice([1.0, 1.0, 0.4]), rnd.choice([0.85, 0.5])
    own = count(1_000)
    files = {name: [_line(rnd, 100 * number + at) for at in range(rnd.choice([0, 2, 5]))]
             for number, name in enumerate("abc")}  # fmt: skip
    nights: list[Night] = []
    for _ in range(rnd.randint(2, 6)):
        file = rnd.choice(["a", "b", "c", "a", None])
        rows = files[file] if file else [_line(rnd, next(own)) for _ in range(rnd.choice([0, 2, 4]))]
        whole, down = load == "replace" and rnd.random() < 0.85, rnd.random() < 0.1
        breaks = rnd.choice([0, 1]) if rnd.random() < 0.15 else None
        answer = Answer(None if down else tuple(rows), whole, breaks, file=file)
        accepted = frozenset({"lines"}) if rnd.random() < 0.15 else frozenset[str]()
        nights.append(Night((answer,), rnd.random() < publishing, accepted))
    table = declaration("lines", toxic=Toxic(share, 3), load=load, deletes=Deletes(), version=None)
    model = Table("lines", load, None, share, 3, keyless=True)
    return History((table,), (model,), (*nights, LAST))


def _line(rnd: random.Random, key: int) -> Record:
    return Record(key=key, content=rnd.randrange(3), bad=rnd.random() < 0.2)


@given(st.integers(0, 2**32))
@settings(max_examples=2, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_record_is_in_the_state_the_rules_say(seed: int) -> None:
    compare(family(seed))


@given(st.integers(0, 2**32))
@settings(max_examples=2, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_record_without_a_key_is_in_the_state_the_rules_say(seed: int) -> None:
    compare(lines(seed))


@pytest.mark.long
@given(st.integers(0, 2**32))
@settings(max_examples=27, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_record_is_in_the_state_the_rules_say_in_many_histories(seed: int) -> None:
    compare(family(seed))
    compare(lines(seed))


def compare(history: History) -> None:
    with tempfile.TemporaryDirectory() as folder:
        lake = lake_in(Path(folder))
        try:
            _compare(lake, history)
        finally:
            lake.state.engine.dispose()


def _compare(lake: Lake, history: History) -> None:
    oracle = Project(list(history.models))
    publishables = [Publishable(table, CONTRACTS[table.name]) for table in history.tables]
    unfinished: dict[str, Answer] = {}
    for number, night in enumerate(history.nights, start=1):
        run = run_of(number)
        set_right(lake)
        for table, model, answer in zip(history.tables, oracle.tables, night.answers, strict=False):
            whole = ingest(lake, table, answer, number, unfinished)
            if whole is not None:
                oracle.ingest(model, whole, whole=answer.whole)
                if answer.keys is not None:
                    oracle.compare(model, answer.keys)
        if not night.publish:
            continue
        for name in night.accept:
            todo = plan(publishables, lake, Releases(lake.curated).current(), None)  # told or not
            accept(lake.state, name, causes=todo.causes[name], why="a test says so", at=run.at)
        published = publish_night(publishables, lake, run)
        if published.release is None:
            continue
        held = oracle.publish(set(night.accept))
        assert set(published.held) == held
        for model in oracle.tables:
            agree(lake, model)
    assert not verify(lake).problems


def ingest(
    lake: Lake,
    table: TableDeclaration,
    answer: Answer,
    number: int,
    unfinished: dict[str, Answer],
    contracts: Mapping[str, type] = CONTRACTS,
) -> list[Record] | None:
    """Ingest one answer; the records of the pull once it is complete."""
    if answer.rows is None:
        return None
    reading = unfinished.pop(table.name, answer)  # the source still has what the unfinished pull was reading
    rows = [replace(r) for r in reading.rows or ()]
    columns = {"content": pa.int64()} if table.name == "lines" else COLUMNS
    columns = columns | ({"parent": pa.int64()} if table.name == "children" else {})
    source = Scripted(
        [{name: landed(r)[name] for name in columns} for r in rows],
        columns,
        whole=answer.whole,
        breaks_after=answer.breaks_after,
        keys=[{"id": key} for key in sorted(answer.keys or ())],
        file=reading.file,
    )
    try:
        ingest_table(table, contracts[table.name], lambda: source, lake, run_of(number))
    except SourceError:
        unfinished[table.name] = reading
        return None
    return rows


def landed(record: Record) -> dict[str, object]:
    content = -1 - record.content if record.bad else record.content
    return {
        "id": record.key,
        "content": content,
        "version": record.version,
        "gone": record.tombstone,
        "parent": record.parent,
    }


def agree(lake: Lake, model: Table) -> None:
    current = Releases(lake.curated).current()
    assert current is not None
    states = record_states(lake, model.name, current)
    assert states.select("_batch", "_ordinal").is_unique().all()
    expected = Counter(r.state.replace("superseded_open", "superseded") for r in model.records)
    assert Counter(states["state"].to_list()) == expected
    names = {"lines": ["content"], "parents": ["key", "content", "version"]}.get(model.name)
    names = names or ["key", "content", "version", "parent"]
    columns = ", ".join(name.replace("key", "id") for name in names)
    rows = frame_of(lake.curated, f"SELECT {columns} FROM {model.name}").rows()
    told = [tuple(getattr(r, name) for name in names) for r in model.current.values()]
    assert sorted(rows, key=repr) == sorted(told, key=repr)
