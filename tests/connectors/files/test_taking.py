from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.connectors.files.conftest import Folder, Taken
from tilth.connectors.files.connector import FilesConnector
from tilth.connectors.protocol import Batch
from tilth.errors import SourceError

CSV = {"kind": "delimited"}
FULL = {"kind": "delimited", "picture": "full"}


def csv_of(*ids: int) -> str:
    return "id\n" + "".join(f"{number}\n" for number in ids)


def ids(taken: Taken) -> list[int]:
    return [int(str(row["id"])) for row in taken.rows]


def in_goes(folder: Folder, stops: list[int], **changes: Any) -> Taken:
    """One pull, cut off after `stops[0]` batches, then after `stops[1]`, …, then to its end."""
    landed: list[Batch] = []
    for stop in [*stops, None]:
        resume = json.loads(json.dumps(landed[-1].resume)) if landed else None
        batches = folder.batches(resume=resume, **changes)
        for count, batch in enumerate(batches, 1):
            landed.append(batch)
            if count == stop:
                break
        batches.close()  # pyright: ignore[reportAttributeAccessIssue]
    return Taken(landed)


def test_each_file_is_taken_once_by_content(tmp_path: Path) -> None:
    folder = Folder(tmp_path, CSV)
    folder.put("a.csv", csv_of(1, 2))
    folder.put("b.csv", csv_of(3))
    first = folder.pull()
    assert (ids(first), first.files, first.complete.whole) == ([1, 2, 3], ["a.csv", "b.csv"], False)
    assert ids(folder.pull()) == []
    folder.put("copy.csv", csv_of(1, 2))
    folder.put("a.csv", csv_of(4))
    assert ids(folder.pull()) == [4]
    (tmp_path / "b.csv").rename(tmp_path / "renamed.csv")
    assert ids(folder.pull()) == []
    (tmp_path / "renamed.csv").unlink()
    assert ids(folder.pull()) == []
    folder.put("back.csv", csv_of(3))
    assert ids(folder.pull()) == []


def test_a_known_file_is_not_opened_again(tmp_path: Path) -> None:
    folder = Folder(tmp_path, CSV)
    path = folder.put("a.csv", csv_of(1))
    folder.pull()
    found = path.stat()
    path.write_bytes(b"id\n9\n")
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))
    assert ids(folder.pull()) == []
    os.utime(path)
    assert ids(folder.pull()) == [9]


def test_whole_takes_everything_again(tmp_path: Path) -> None:
    folder = Folder(tmp_path, CSV)
    folder.put("a.csv", csv_of(1))
    folder.put("b.csv", csv_of(2))
    folder.put("copy of b.csv", csv_of(2))
    folder.pull()
    taken = folder.pull(whole=True)
    assert (ids(taken), taken.complete.whole) == ([1, 2], True)
    assert ids(folder.pull()) == []
    folder.put("c.csv", "id,x\n1\n")
    taken = folder.pull(whole=True)
    assert (ids(taken), taken.rules, taken.complete.whole) == ([1, 2], ["ragged"], False)


def test_a_full_picture_is_the_last_file_alone(tmp_path: Path) -> None:
    folder = Folder(tmp_path, FULL)
    folder.put("p1.csv", csv_of(1))
    folder.put("p2.csv", csv_of(2, 3))
    for whole in (False, True):
        taken = folder.pull(whole=whole)
        assert (ids(taken), taken.complete.whole) == ([2, 3], True)
    taken = folder.pull()
    assert (ids(taken), taken.complete.whole) == ([], False)
    folder.put("p3.csv", csv_of(1))
    assert ids(folder.pull()) == [1]
    folder.put("p4.csv", csv_of(2, 3))
    assert ids(folder.pull()) == [2, 3], "the table shows p3, so the content of p2 is new again"


def test_of_a_table_that_is_replaced_the_last_file_is_the_picture_unless_all_are_declared_to_be(tmp_path: Path) -> None:
    for options, expected in (
        ({"kind": "delimited"}, [2, 3]),
        ({"kind": "delimited", "picture": "changes"}, [1, 2, 3]),
    ):
        folder = Folder(tmp_path, options)
        folder.put("p1.csv", csv_of(1))
        folder.put("p2.csv", csv_of(2, 3))
        for _ in range(2):
            taken = folder.pull(whole=True, replaces=True)
            assert (ids(taken), taken.complete.whole) == (expected, True)


def test_a_refused_picture_empties_nothing(tmp_path: Path) -> None:
    folder = Folder(tmp_path, FULL)
    folder.put("p.csv", csv_of(1))
    folder.pull()
    folder.put("p.csv", "")
    for whole in (False, True):
        taken = folder.pull(whole=whole)
        assert (taken.rules, taken.complete.whole) == (["empty"], False)
    assert folder.pull().rules == []


def test_no_picture_is_trouble(tmp_path: Path) -> None:
    folder = Folder(tmp_path, FULL, object="p*.csv", settle=timedelta(minutes=1))
    with pytest.raises(SourceError, match="there is no finished file"):
        folder.pull()
    folder.put("p.csv", csv_of(1))
    folder.pull()
    folder.put("p.csv", csv_of(2), age_s=0)
    assert folder.pull().rows == [], "it is being written anew: nothing new yet"
    with pytest.raises(SourceError, match="1 that may still be written to"):
        folder.pull(whole=True)


def test_an_empty_folder_is_no_trouble_for_changes(tmp_path: Path) -> None:
    folder = Folder(tmp_path, CSV)
    taken = folder.pull()
    assert (taken.rows, taken.complete.whole) == ([], False)
    with pytest.raises(SourceError):
        folder.pull(whole=True)


def test_a_refused_file_is_told_once_and_the_others_come(tmp_path: Path) -> None:
    folder = Folder(tmp_path, CSV)
    folder.put("a.csv", csv_of(1))
    bad = folder.put("b.csv", "id,x\n1,2\n3\n")
    folder.put("c.csv", csv_of(2))
    taken = folder.pull()
    assert (ids(taken), taken.rules) == ([1, 2], ["ragged"])
    told = next(batch for batch in taken.batches if batch.fault)
    row = told.rows.to_pylist()[0]
    assert (row["file"], row["bytes"], row["sha256"]) == ("b.csv", bad.stat().st_size, told.origin.sha256)
    assert told.rows.schema.types == ["string", "int64", "string"]
    assert folder.pull().rules == []
    folder.put("b.csv", "id\n3\n")
    assert ids(folder.pull()) == [3]


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("options", [CSV, FULL, {**CSV, "tombstones": {"column": "id", "values": ["4", "13"]}}])
def test_a_pull_in_goes_brings_the_same(tmp_path: Path, options: dict[str, Any], whole: bool) -> None:
    folder = Folder(tmp_path, options, batch_rows=3)
    for number, name in enumerate(["a", "b", "c"]):
        folder.put(f"{name}.csv", csv_of(*range(number * 10, number * 10 + 8)))
    folder.put("bad.csv", "id,x\n1\n")
    one = Taken(list(folder.batches(whole=whole)))
    count = len(one.batches)
    for stops in [[stop] for stop in range(1, count)] + [[1] * (count - 1)]:
        more = in_goes(folder, stops, whole=whole)
        assert (more.rows, more.deleted, more.rules) == (one.rows, one.deleted, one.rules)
        assert [b.origin for b in more.batches] == [b.origin for b in one.batches]
        assert more.complete.whole == one.complete.whole
        folder.cursor = more.complete.cursor
        assert Taken(list(folder.batches())).rows == []
        folder.cursor = None


def test_a_pull_goes_on_with_other_batch_sizes(tmp_path: Path) -> None:
    folder = Folder(tmp_path, CSV, batch_rows=7)
    folder.put("a.csv", csv_of(*range(100)))
    first = next(folder.batches())
    folder.batch_rows = 30
    rest = Taken(list(folder.batches(resume=first.resume)))
    assert ids(Taken([first, *rest.batches])) == list(range(100))
    assert all(a.origin.offset < b.origin.offset for a, b in pairwise([first, *rest.batches[:-1]]))


def test_a_file_lost_in_the_middle_is_told_and_taken_up_again(tmp_path: Path) -> None:
    folder = Folder(tmp_path, CSV, batch_rows=3)
    folder.put("a.csv", csv_of(*range(8)))
    first = next(folder.batches())
    folder.put("a.csv", csv_of(*range(20, 24)))
    rest = folder.pull(resume=first.resume)
    assert (ids(rest), rest.rules, rest.complete.whole) == ([20, 21, 22, 23], ["file_gone"], False)
    assert folder.pull().rules == []
    folder.put("found.csv", csv_of(*range(8)))
    assert ids(folder.pull()) == [3, 4, 5, 6, 7]
    assert ids(folder.pull()) == []


def test_a_picture_lost_in_the_middle_is_never_mixed_with_another(tmp_path: Path) -> None:
    folder = Folder(tmp_path, FULL, batch_rows=3)
    folder.put("p.csv", csv_of(*range(8)))
    first = next(folder.batches(whole=True))
    folder.put("p.csv", csv_of(20))
    rest = folder.pull(resume=first.resume, whole=True)
    assert (ids(rest), rest.rules, rest.complete.whole) == ([], ["file_gone"], False)
    taken = folder.pull(whole=True)
    assert (ids(taken), taken.complete.whole) == ([20], True)


def test_a_picture_goes_on_with_its_own_file(tmp_path: Path) -> None:
    folder = Folder(tmp_path, FULL, batch_rows=3)
    folder.put("p1.csv", csv_of(*range(8)))
    first = next(folder.batches())
    folder.put("p2.csv", csv_of(20))
    (tmp_path / "p1.csv").rename(tmp_path / "p0.csv")
    rest = folder.pull(resume=first.resume)
    assert (ids(rest), rest.complete.whole) == ([3, 4, 5, 6, 7], True)
    assert ids(folder.pull()) == [20]


def test_only_settled_files_are_taken(tmp_path: Path) -> None:
    folder = Folder(tmp_path, CSV, settle=timedelta(minutes=1))
    folder.put("old.csv", csv_of(1))
    folder.put("new.csv", csv_of(2), age_s=5)
    for name in (".hidden.csv", "x.csv.part", "y.TMP", "~$z.xlsx", ".sub/a.csv", "w.filepart"):
        folder.put(name, csv_of(9))
    (tmp_path / "link.csv").symlink_to(tmp_path / "nowhere.csv")
    assert ids(folder.pull()) == [1]
    settled = time.time() - 61
    os.utime(tmp_path / "new.csv", (settled, settled))
    assert ids(folder.pull()) == [2]


def test_a_file_from_the_future_settles_by_being_watched(tmp_path: Path) -> None:
    folder = Folder(tmp_path, CSV)
    folder.put("a.csv", csv_of(1), age_s=-10_000)
    began = datetime.now(UTC)
    found: list[list[int]] = []
    for minutes in (0, 0.5, 1.5, 2):
        at = began + timedelta(minutes=minutes)
        connector = FilesConnector("legacy", tmp_path, timedelta(minutes=1), clock=lambda at=at: at)
        taken = Taken(list(connector.pull(folder.request())))
        assert taken.complete.source_time == at
        folder.cursor = json.loads(json.dumps(taken.complete.cursor))
        found.append(ids(taken))
    assert found == [[], [], [1], []]


WRITER = """
import sys, time
with open(sys.argv[1], "w", buffering=1) as out:
    out.write("id\\n")
    for number in range(60):
        out.write(f"{number}\\n")
        time.sleep(0.02)
"""


def test_a_file_that_a_process_is_writing_comes_when_it_is_complete(tmp_path: Path) -> None:
    folder = Folder(tmp_path, CSV, settle=timedelta(seconds=0.5))
    pulls: list[list[int]] = []
    with subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path / "a.csv")]) as writer:
        while writer.poll() is None:
            pulls.append(ids(folder.pull()))
            time.sleep(0.1)
    assert pulls and not any(pulls)
    time.sleep(0.6)
    assert ids(folder.pull()) == list(range(60))


def test_patterns_reach_into_folders(tmp_path: Path) -> None:
    folder = Folder(tmp_path, CSV)
    for number, name in enumerate(["a.csv", "x/b.csv", "x/y/c.csv", "x/y/d.txt"]):
        folder.put(name, csv_of(number))
    found = {
        glob: Folder(tmp_path, CSV, object=glob).pull().files for glob in ("*.csv", "x/*.csv", "**/*.csv", "*/y/?.*")
    }
    assert found == {
        "*.csv": ["a.csv"],
        "x/*.csv": ["x/b.csv"],
        "**/*.csv": ["a.csv", "x/b.csv", "x/y/c.csv"],
        "*/y/?.*": ["x/y/c.csv", "x/y/d.txt"],
    }


def test_what_cannot_be_reached_is_told(tmp_path: Path) -> None:
    gone = Folder(tmp_path / "share", CSV)
    with pytest.raises(SourceError) as caught:
        gone.pull()
    assert caught.value.next == "tilth sources check legacy"
    assert not gone.connector.check().ok
    with pytest.raises(SourceError):
        gone.connector.discover()
    with pytest.raises(SourceError):
        gone.connector.inspect(gone.request())


@pytest.mark.skipif(os.geteuid() != 0, reason="another user is needed to be refused")
def test_a_file_one_may_not_read_is_named_and_what_came_before_is_kept(tmp_path: Path) -> None:
    folder = Folder(tmp_path, CSV, batch_rows=1)
    folder.put("a.csv", csv_of(1))
    folder.put("b.csv", csv_of(2)).chmod(0)
    for parent in [tmp_path, *tmp_path.parents]:
        parent.chmod(parent.stat().st_mode | 0o055)
    landed: list[Batch] = []
    os.seteuid(65534)
    try:
        with pytest.raises(SourceError, match=r"b\.csv cannot be read"):
            landed.extend(folder.batches())  # what came before the error stays in the list
    finally:
        os.seteuid(0)
    (tmp_path / "b.csv").chmod(0o644)
    assert ids(Taken(landed)) == [1]
    assert ids(folder.pull(resume=landed[-1].resume)) == [2]


def test_a_file_without_records_is_told_when_it_is_the_wrong_one(tmp_path: Path) -> None:
    folder = Folder(tmp_path, CSV)
    asked: dict[str, Any] = {"key": ("id",), "columns": ("id", "name")}
    folder.put("a.csv", "id,name\n")
    right = folder.pull(**asked)
    assert (right.rows, right.rules) == ([], [])
    for name, text in {"b.csv": "order,amount\n", "c.csv": "<html>\n", "d.csv": "\n\n", "e.csv": ""}.items():
        folder.put(name, text)
    wrong = folder.pull(**asked)
    assert wrong.rules == ["header", "header", "empty", "empty"]
    assert wrong.faults[0].expected == "the columns id, name"
    assert wrong.faults[0].value == "order, amount"
    assert folder.pull(**asked).rules == []
    told = folder.connector.inspect(folder.request(**asked, object="b.csv"))
    assert list(told) == ["b.csv has no column 'id'", "b.csv has no column 'name'"]


def test_a_file_without_header_and_records_is_told(tmp_path: Path) -> None:
    folder = Folder(tmp_path, {"kind": "delimited", "header": False, "columns": ["id"]})
    folder.put("a.csv", "\n\n")
    assert folder.pull(key=("id",), columns=("id",)).rules == ["empty"]
