"""The state database: created once, opened cheaply, and readable when it fails."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from importlib import import_module
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext

from tilth.assets import state as tables
from tilth.assets.database import SCHEMA_VERSION, State, open_state
from tilth.errors import LakeError, MissingExtra


def _open(folder: Path) -> State:
    return open_state(f"sqlite:///{folder / 'data' / 'state.db'}")


def _difference(state: State) -> list[object]:
    with state.begin() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, tables.metadata))


def test_the_revisions_give_exactly_the_declared_tables(tmp_path: Path) -> None:
    assert _difference(_open(tmp_path)) == []


def test_the_newest_revision_is_the_one_that_opening_looks_for() -> None:
    from alembic.script import ScriptDirectory

    from tilth.assets import migrations

    script = ScriptDirectory(str(Path(migrations.__file__).parent))
    assert script.get_heads() == [SCHEMA_VERSION]


def test_a_database_of_the_first_schema_is_upgraded_and_keeps_what_it_has(tmp_path: Path) -> None:
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'data.db'}")
    first = import_module("tilth.assets.migrations.versions.0001_state")
    at = "2026-11-21 02:00:00.000000"
    with engine.begin() as connection:
        with Operations.context(MigrationContext.configure(connection)):
            first.upgrade()
        pull = "1, 't', 1, 'rows', 's', 'o', 'r', 'judged', 1, '{}', null, null"
        for statement in (
            "create table alembic_version (version_num varchar(32) not null primary key)",
            "insert into alembic_version values ('0001')",
            f"insert into pulls values ({pull}, '{at}', null, null, null, null, 3, 3, 0, 0, 0, 0)",
            f"insert into releases values (1, 'r', 'published', 'f', '{at}', '{{}}')",
        ):
            connection.exec_driver_sql(statement)
    engine.dispose()
    state = open_state(f"sqlite:///{tmp_path / 'data.db'}")
    assert _difference(state) == []
    with state.read() as connection:
        pull = connection.execute(sa.select(tables.pulls)).mappings().one()
        release = connection.execute(sa.select(tables.releases)).mappings().one()
        assert (pull["pulled"], pull["dataset"], release["state"], release["lineage"]) == (3, None, "published", None)
        assert connection.execute(sa.text("select version_num from alembic_version")).scalar() == SCHEMA_VERSION


def test_an_up_to_date_database_opens_without_alembic(tmp_path: Path) -> None:
    _open(tmp_path).close()
    code = "import sys; from tilth.assets.database import open_state; open_state(sys.argv[1]); "
    code += "print([m for m in ('alembic', 'polars', 'dagster', 'pyarrow') if m in sys.modules])"
    url = f"sqlite:///{tmp_path / 'data' / 'state.db'}"
    out = subprocess.run([sys.executable, "-c", code, url], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_sqlite_is_durable_and_checks_references(tmp_path: Path) -> None:
    with _open(tmp_path).read() as connection:
        pragma = {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in
                  ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")}  # fmt: skip
    assert pragma == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 30_000}


def test_processes_that_open_a_new_database_at_once_all_succeed(tmp_path: Path) -> None:
    code = "import sys; from tilth.assets.database import open_state; open_state(sys.argv[1])"
    url = f"sqlite:///{tmp_path / 'state.db'}"
    running = [subprocess.Popen([sys.executable, "-c", code, url]) for _ in range(3)]
    assert [process.wait() for process in running] == [0, 0, 0]


def test_a_moment_comes_back_aware_and_in_utc(tmp_path: Path) -> None:
    state = _open(tmp_path)
    moment = datetime(2026, 11, 21, 3, 0, tzinfo=timezone(timedelta(hours=1)))
    with state.begin() as connection:
        connection.execute(tables.holds.insert().values(table_name="t", kind="rollback", reason="r", at=moment))
    with state.read() as connection:
        found = connection.execute(sa.select(tables.holds.c.at)).scalar_one()
    assert found == moment and found.tzinfo is UTC
    with pytest.raises(sa.exc.StatementError, match="no time zone"), state.begin() as connection:
        connection.execute(tables.holds.insert().values(table_name="u", kind="r", reason="r", at=datetime(2026, 1, 1)))


def test_a_failed_transaction_leaves_nothing(tmp_path: Path) -> None:
    state = _open(tmp_path)
    with pytest.raises(RuntimeError), state.begin() as connection:
        connection.execute(tables.holds.insert().values(table_name="t", kind="r", reason="r", at=datetime.now(UTC)))
        raise RuntimeError
    with state.read() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(tables.holds)).scalar() == 0


def test_readers_go_on_while_one_writes(tmp_path: Path) -> None:
    state = _open(tmp_path)
    with state.begin() as writing:
        writing.execute(tables.holds.insert().values(table_name="t", kind="r", reason="r", at=datetime.now(UTC)))
        with state.read() as reading:
            assert reading.execute(sa.select(sa.func.count()).select_from(tables.holds)).scalar() == 0


@pytest.mark.parametrize("content", [b"this is a text file, and long enough to be looked at" * 100])
def test_a_file_that_is_no_database_says_what_to_do(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "state.db"
    path.write_bytes(content)
    with pytest.raises(LakeError) as caught:
        open_state(f"sqlite:///{path}")
    assert caught.value.where == str(path) and "damaged" in caught.value.what and "restore" in caught.value.next
    assert path.read_bytes() == content


def test_a_damaged_database_says_what_to_do(tmp_path: Path) -> None:
    state = _open(tmp_path)
    path = tmp_path / "data" / "state.db"
    state.close()
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(1024)
        file.write(b"\xff" * (size - 1024))
    with pytest.raises(LakeError, match="damaged"):
        _open(tmp_path)


def test_a_database_of_a_newer_tilth_is_left_alone(tmp_path: Path) -> None:
    state = _open(tmp_path)
    with state.begin() as connection:
        connection.execute(sa.text("update alembic_version set version_num = '9999'"))
    with pytest.raises(LakeError, match="newer Tilth") as caught:
        _open(tmp_path)
    assert "pip install" in caught.value.next


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://tilth:hush-hush@127.0.0.1:1/state?password=hush-hush",
        "postgresql//tilth:hush-hush@host/state",
        "oracle://tilth:hush-hush@host/state",
    ],
)
def test_the_password_of_the_state_url_is_never_shown(url: str) -> None:
    with pytest.raises((LakeError, MissingExtra)) as caught:
        open_state(url)
    shown = str(caught.value) + repr(caught.value.__cause__ or "")
    assert "hush-hush" not in shown and caught.value.next


def test_state_in_memory_is_refused() -> None:
    with pytest.raises(LakeError, match="outlive"):
        open_state("sqlite://")
