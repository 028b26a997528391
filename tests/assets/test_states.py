"""Random nights over two tables: the house and the oracle agree on every record, every count and every row."""

from __future__ import annotations

import random
import tempfile
from collections import Counter
from dataclasses import dataclass, replace
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
from tilth.assets.publishing.release import Releases
from tilth.errors import SourceError

COLUMNS = {"id": pa.int64(), "content": pa.int64(), "version": pa.int64(), "gone": pa.bool_()}
CONTRACTS = {"parents": Parent, "children": Child}


@dataclass(frozen=True)
class Answer:
    """What one source says in one night; None rows: it is down."""

    rows: tuple[Record, ...] | None
    whole: bool
    breaks_after: int | None


@dataclass(frozen=True)
class Night:
    answers: tuple[Answer, Answer]  # parents, children
    publish: bool
    accept: frozenset[str]


def history_of(seed: int) -> tuple[str, float, list[Night]]:
    """A random history: dense enough that keys meet, versions tie and orphans come home."""
    rnd = random.Random(seed)
    load, share = rnd.choice(["merge", "merge", "replace"]), rnd.choice([1.0, 1.0, 0.4])
    versioned = rnd.random() < 0.8
    nights: list[Night] = []
    seen: tuple[list[Record], list[Record]] = ([], [])
    for _ in range(rnd.randint(2, 5)):
        both = [_answer(rnd, child, load == "replace" and child, versioned, seen[child]) for child in (False, True)]
        accepted = frozenset({"parents", "children"}) if rnd.random() < 0.15 else frozenset[str]()
        nights.append(Night((both[0], both[1]), rnd.random() < 0.85, accepted))
    return load, share, nights


def _answer(rnd: random.Random, child: bool, whole: bool, versioned: bool, seen: list[Record]) -> Answer:
    if rnd.random() < 0.1:
        return Answer(None, whole, None)
    fresh = [_record(rnd, child, whole, versioned) for _ in range(rnd.choice([0, 3, 6, 9, 12]))]
    rows = tuple(rnd.choice(seen) if seen and rnd.random() < 0.3 else record for record in fresh)  # sources repeat
    seen += fresh
    return Answer(rows, whole, rnd.choice([0, 1]) if rnd.random() < 0.15 else None)


def _record(rnd: random.Random, child: bool, whole: bool, versioned: bool) -> Record:
    return Record(
        key=None if rnd.random() < 0.04 else rnd.randrange(7),
        content=rnd.randrange(2),
        version=rnd.choice([None, 1, 2, 3, 3, 4, 5]) if versioned else None,
        parent=rnd.randrange(8) if child and rnd.random() < 0.7 else None,
        tombstone=not whole and rnd.random() < 0.1,
        bad=rnd.random() < 0.15,
    )


@given(st.integers(0, 2**32))
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_record_is_in_the_state_the_rules_say(seed: int) -> None:
    compare(*history_of(seed))


@pytest.mark.long
@given(st.integers(0, 2**32))
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_record_is_in_the_state_the_rules_say_in_many_histories(seed: int) -> None:
    compare(*history_of(seed))


def compare(load: str, max_share: float, history: list[Night]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        lake = lake_in(Path(folder))
        try:
            _compare(lake, load, max_share, history)
        finally:
            lake.state.engine.dispose()


def _compare(lake: Lake, load: str, max_share: float, history: list[Night]) -> None:
    toxic = Toxic(max_share, 3)
    tables = [
        declaration("parents", toxic=toxic),
        declaration(
            "children", toxic=toxic, load=load, deletes=Deletes("none" if load == "replace" else "column", "gone")
        ),
    ]
    oracle = Project([Table("parents", "merge", None, max_share, 3), Table("children", load, "parents", max_share, 3)])
    unfinished: dict[str, list[Record]] = {}
    for number, night in enumerate(history, start=1):
        run = run_of(number)
        set_right(lake)
        for table, model, answer in zip(tables, oracle.tables, night.answers, strict=True):
            whole = ingest(lake, table, answer, number, unfinished)
            if whole is not None:
                oracle.ingest(model, whole, whole=answer.whole or (load == "replace" and table.name == "children"))
        if not night.publish:
            continue
        for name in night.accept:
            accept(lake.state, name, why="a test says so", at=run.at)
        published = publish_night([Publishable(t, CONTRACTS[t.name]) for t in tables], lake, run)
        if published.release is None:
            continue
        held = oracle.publish(set(night.accept))
        assert set(published.held) == held
        for model in oracle.tables:
            agree(lake, model)


def ingest(
    lake: Lake, table: TableDeclaration, answer: Answer, number: int, unfinished: dict[str, list[Record]]
) -> list[Record] | None:
    """Ingest one answer; the records of the pull once it is complete."""
    if answer.rows is None:
        return None
    rows = [replace(r) for r in answer.rows]
    before = unfinished.pop(table.name, None)
    if before is not None:
        rows = before  # the source still has what the unfinished pull was reading
    child = {"parent": pa.int64()} if table.name == "children" else {}
    source = Scripted([landed(r) for r in rows], COLUMNS | child, whole=answer.whole, breaks_after=answer.breaks_after)
    try:
        ingest_table(table, CONTRACTS[table.name], lambda: source, lake, run_of(number))
    except SourceError:
        unfinished[table.name] = rows
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
    names = ["id", "content", "version"] + (["parent"] if model.refers_to else [])
    rows = frame_of(lake.curated, f"SELECT {', '.join(names)} FROM {model.name}").rows()
    told = [(r.key, r.content, r.version) + ((r.parent,) if model.refers_to else ()) for r in model.current.values()]
    assert sorted(rows, key=repr) == sorted(told, key=repr)
