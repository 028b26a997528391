"""A file of the lake that is gone or damaged holds the table that needs it, alone, until it is there again."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from pathlib import Path

import pyarrow as pa
import pytest
from company import Child, Parent, Scripted, lake_in, run_of
from houses import House, plain

from tilth.assets import parquet
from tilth.assets.declared import Deletes, Toxic
from tilth.assets.mends import Mender, keep_mends
from tilth.assets.publishing.verify import verify
from tilth.assets.pulls import judged_pulls, latest_keys
from tilth.assets.quarantine import open_entries
from tilth.assets.replay import judge_again
from tilth.assets.storage import Storage
from tilth.errors import LakeError
from tilth.schemas.contract import Contract, spec_of
from tilth.schemas.contract import field as column

INT = pa.int64()
ROW = {"id": INT, "content": INT, "version": INT}
COLUMNS = {"parents": ROW, "others": ROW, "children": {**ROW, "parent": INT}, "knots": {"id": INT, "refers": INT}}
Lost = tuple[str, str]  # the table that needs a file, and the file


class Knot(Contract):
    """Refers to another one."""

    id: int = column(key=True)
    refers: int = column(nullable=True, references="knots.id")


class Looser(Parent):
    """Another contract."""

    content: int = column(ge=-1)


@pytest.fixture
def house(tmp_path: Path) -> House:
    contracts = {"parents": Parent, "children": Child, "others": Parent, "knots": Knot}
    return House(lake_in(tmp_path), {name: (plain(name), contract) for name, contract in contracts.items()})


def pull(house: House, table: str, *rows: Mapping[str, int | None]) -> str:
    """The file of the good records."""
    house.ingest(table, Scripted([{"content": 1, **row} for row in rows], COLUMNS[table]))
    with house.lake.state.read() as connection:
        return judged_pulls(connection, table)[-1].ready


def pending(house: House) -> Lost:
    return "parents", pull(house, "parents", {"id": 2})


def waited(house: House) -> Lost:
    pull(house, "parents", {"id": 1})
    file = pull(house, "children", {"id": 1, "parent": 1}, {"id": 2, "parent": 2})
    house.publish()
    pull(house, "parents", {"id": 2})
    return "children", file


def landed(house: House) -> Lost:
    pull(house, "parents", {"id": 1})
    pull(house, "children", {"id": 2, "parent": 2})
    return "children", next(house.lake.storage.list("raw/script/children"))


def mended(house: House) -> Lost:
    pull(house, "parents", {"id": 1}, {"id": 2, "content": -1})
    house.publish()
    table, contract = house.tables["parents"]
    with house.lake.state.read() as connection:
        entries = open_entries(connection, "parents")
    run, five = run_of(50), {entries["id"][0]: {"content": "5"}}
    good = judge_again(entries, table, contract, house.lake, now=run.at, changes=five).good
    version = spec_of(contract).version
    keep_mends(house.lake, "parents", run, good, Mender("corrected", "Di"), contract_version=version)
    return "parents", next(path for path in house.lake.storage.list("ready/parents") if "mended" in path)


def in_a_circle(house: House) -> Lost:
    return "knots", pull(house, "knots", {"id": 2, "refers": None})


def waited_in_a_circle(house: House) -> Lost:
    file = pull(house, "knots", {"id": 1, "refers": 9}, {"id": 3, "refers": None})
    house.publish()
    pull(house, "knots", {"id": 9, "refers": None})
    return "knots", file


def of_a_comparison(house: House) -> Lost:
    house.tables["parents"] = (plain("parents", deletes=Deletes("compare_keys")), Parent)
    pull(house, "parents", {"id": 1})
    with house.lake.state.read() as connection:
        keys = latest_keys(connection, "parents")
    assert keys is not None
    return "parents", keys.ready


def gone(path: Path) -> None:
    path.unlink()


def empty(path: Path) -> None:
    path.write_bytes(b"")


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def overwritten(path: Path) -> None:
    """Its end is whole."""
    data = path.read_bytes()
    start = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    path.write_bytes(data[:4] + b"\xff" * (start - 4) + data[start:])


NEEDED = [pending, waited, landed, mended, in_a_circle, waited_in_a_circle, of_a_comparison]
QUICK = {(waited, gone), (mended, gone), (waited_in_a_circle, gone), (in_a_circle, cut), (pending, overwritten)}
CASES = [
    pytest.param(need, harm, marks=[] if (need, harm) in QUICK else pytest.mark.long)
    for need in NEEDED
    for harm in (gone, empty, cut, overwritten)
]


@pytest.mark.parametrize(("need", "harm"), CASES)
def test_its_table_is_held_alone_and_comes_with_the_restored_file(
    house: House, need: Callable[[House], Lost], harm: Callable[[Path], None]
) -> None:
    table, file = need(house)
    pull(house, "others", {"id": 7})
    path = Path(house.lake.storage.url(file))
    data = path.read_bytes()
    harm(path)
    published = house.publish()
    assert published.held == (table,)
    reason = published.tables[table].reason or ""
    said = "is missing" if harm is gone else "cannot be read"
    assert reason.startswith(f"{file}: a file of the lake {said}"), reason
    assert reason.endswith("\n  next: restore it from a backup, or: tilth verify")
    assert reason.replace("\n", "").isprintable()
    assert house.rows("SELECT id FROM others") == [(7,)]
    assert any("a file of the lake is" in problem and file in problem for problem in house.problems())
    path.write_bytes(data)
    assert house.publish().held == ()
    assert not house.problems()


def test_a_held_table_that_cannot_be_judged_again_says_so(house: House) -> None:
    house.tables["parents"] = (plain("parents", toxic=Toxic(0.2, 1)), Parent)
    pull(house, "parents", {"id": 1, "content": -1})
    assert house.publish().held == ("parents",)
    (file,) = house.lake.storage.list("raw/script/parents")
    house.lake.storage.delete(file)
    house.tables["parents"] = (plain("parents", toxic=Toxic(0.2, 1)), Looser)
    reason = house.publish().tables["parents"].reason or ""  # nothing was pulled since
    assert reason.startswith(f"{file}: a file of the lake is missing\n")


def test_verify_names_a_damaged_file_of_what_is_published(house: House) -> None:
    files = [pull(house, table, {"id": 1}) for table in ("parents", "others")]
    pull(house, "children", {"id": 2, "parent": 2})
    told = house.publish().tables["children"].toxic
    assert told is not None
    for damaged in (files[0], told):
        overwritten(Path(house.lake.storage.url(damaged)))
    gone(Path(house.lake.storage.url(files[1])))
    found = house.problems()
    assert all(any(f"a file of the lake is damaged ({file})" in one for one in found) for file in (files[0], told))
    assert f"a file of the lake is missing ({files[1]}): no such file" in found
    assert {problem.next for problem in verify(house.lake).problems} == {"restore it from a backup"}


def in_pieces(storage: Storage, file: str) -> int:
    return sum(frame.height for frame in parquet.pieces(storage, file))


@pytest.mark.parametrize("flips", [1, 20])
def test_a_file_with_wrong_bytes_is_told_as_such(house: House, flips: int) -> None:
    file = pull(house, "parents", *({"id": at, "content": 7 * at} for at in range(300)))
    path, rnd = Path(house.lake.storage.url(file)), random.Random(flips)
    data = path.read_bytes()
    for _ in range(60):
        wrong = bytearray(data)
        for _ in range(flips):
            wrong[rnd.randrange(len(wrong) - 900, len(wrong))] = rnd.randrange(256)
        path.write_bytes(wrong)
        for read in (parquet.read, in_pieces, parquet.columns_of):
            try:
                read(house.lake.storage, file)
            except LakeError as error:
                assert error.where == file
