"""What DuckDB does to a candidate, where it matters."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from tilth.assets.publishing.candidate import Candidate
from tilth.assets.publishing.engine import connect


@pytest.mark.parametrize("updates", range(5))
def test_old_rows_and_rows_of_this_transaction_are_deleted_together(tmp_path: Path, updates: int) -> None:
    with connect(tmp_path / "file.duckdb", threads=1) as con:
        candidate = Candidate(con, datetime(2026, 1, 1, tzinfo=UTC))
        candidate.run("CREATE TABLE t AS SELECT range AS id, 0 AS version FROM range(2)")
        con.begin()
        for version in range(1, updates + 1):
            candidate.run("CREATE OR REPLACE TEMP TABLE gone AS SELECT rowid AS crow FROM t WHERE id = 1")
            assert candidate.remove("t", "FROM gone") == 1
            candidate.run("INSERT INTO t VALUES (1, ?)", [version])
        candidate.run("CREATE OR REPLACE TEMP TABLE gone AS SELECT rowid AS crow FROM t")
        assert candidate.remove("t", "FROM gone") == 2
        assert candidate.run("FROM t") == []
