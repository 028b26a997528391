"""What a hostile document costs: itself, and nothing else; and nothing of it is left running."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import psutil
import pytest
from papers import NOTE, costly, nested_forms, note, thirsty

from tilth.assets.documents import Parsed, Raw, Settings, chunked, parsed
from tilth.errors import TilthError
from tilth.pipelines.sample.library_files import as_markdown

PATIENCE_S = 120.0
T = TypeVar("T")


def wait_for(what: Callable[[], T]) -> T:
    until = time.monotonic() + PATIENCE_S
    while not (come := what()):
        assert time.monotonic() < until, "it did not come about"
        time.sleep(0.02)
    return come


def servers(parent: int | None = None) -> list[psutil.Process]:
    """The processes that were started to read documents."""
    found = psutil.Process(parent).children()
    return [one for one in found if "tilth.assets.documents.server" in " ".join(one.cmdline())]


def at_work(but: psutil.Process | None = None) -> list[psutil.Process]:
    """The children that have been busy with a document for a while."""
    busy: list[psutil.Process] = []
    for child in (child for server in servers() for child in server.children()):
        with suppress(psutil.NoSuchProcess):
            busy += [child] if child != but and child.cpu_times().user > 0.5 else []
    return busy


def lives(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def sound() -> list[Raw]:
    return [Raw("a.pdf", note()), Raw("b.md", as_markdown(NOTE))]


def among(hostile: bytes) -> list[Raw]:
    """Sound documents with a hostile one in the middle."""
    return [*sound(), Raw("hostile.md", hostile), *sound()]


def alone_refused(found: Sequence[Parsed]) -> tuple[str, str | None]:
    """What was found in the one in the middle; the others are sound."""
    assert [one.name for one in found] == [one.name for one in among(b"")]
    for one in (*found[:2], *found[3:]):
        assert (one.findings, len(one.elements)) == ((), 6)
    assert found[2].elements == ()
    (finding,) = found[2].findings
    return finding.rule, finding.value


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    yield
    assert servers() == []


def test_a_document_that_takes_too_much_is_given_up_and_no_other() -> None:
    """Two in a row: time, then memory; in one batch with sound ones, before, between and after."""
    hostile = [Raw("c.md", costly()), Raw("d.pdf", thirsty())]
    found = list(parsed([*sound(), *hostile, *sound()], Settings(max_seconds=1, max_memory_mb=200)))
    told = [[(one.rule, one.value) for one in document.findings] for document in found]
    assert told == [[], [], [("limits", "over 1 s")], [("limits", "over 200 MB")], [], []]
    assert [len(document.elements) for document in found] == [6, 6, 0, 0, 6, 6]


def meanwhile(do: Callable[[], object], documents: Sequence[Raw], settings: Settings) -> list[Parsed]:
    """What is in the documents, while something happens from outside."""
    other = threading.Thread(target=do)
    other.start()
    found = list(parsed(documents, settings))
    other.join()
    return found


@pytest.mark.long
def test_a_reader_that_crashes_or_does_not_come_back_costs_its_document() -> None:
    def meddle() -> None:
        (first,) = wait_for(at_work)
        first.send_signal(signal.SIGSEGV)
        (second,) = wait_for(lambda: at_work(but=first))
        second.send_signal(signal.SIGSTOP)

    documents = [*sound(), Raw("c.md", costly()), Raw("d.md", costly()), *sound()]
    found = meanwhile(meddle, documents, Settings(max_wall_seconds=12))
    told = [[(one.rule, one.value) for one in document.findings] for document in found]
    assert told == [[], [], [("crashed", "SIGSEGV")], [("limits", "no answer in 12 s")], [], []]
    assert [len(document.elements) for document in found] == [6, 6, 0, 0, 6, 6]


@pytest.mark.long
@pytest.mark.parametrize(
    ("times", "settings", "told"),
    [
        (1, Settings(max_seconds=3), ("limits", "over 3 s")),  # read again, and judged by itself
        (2, Settings(), ("crashed", "the process that reads is gone")),
    ],
)
def test_a_server_that_is_killed_costs_a_document_the_second_time(
    times: int, settings: Settings, told: tuple[str, str]
) -> None:
    def end() -> None:
        child = None
        for _ in range(times):
            (child,) = wait_for(lambda but=child: at_work(but=but))
            for one in servers():
                one.kill()
            wait_for(lambda gone=child: not lives(gone))

    assert alone_refused(meanwhile(end, among(costly()), settings)) == told


@pytest.mark.long
def test_nothing_is_left_when_the_parent_is_killed(tmp_path: Path) -> None:
    document = tmp_path / "c.md"
    document.write_bytes(costly())
    code = (
        "import sys; from pathlib import Path; from tilth.assets.documents import Raw, Settings, parsed;"
        "list(parsed([Raw('c.md', Path(sys.argv[1]).read_bytes())], Settings(max_seconds=600, max_wall_seconds=600)))"
    )
    parent = subprocess.Popen([sys.executable, "-c", code, str(document)])
    wait_for(lambda: [child for server in servers(parent.pid) for child in server.children()])
    family = psutil.Process(parent.pid).children(recursive=True)
    assert len(family) == 2
    parent.kill()
    parent.wait()
    wait_for(lambda: not any(map(lives, family)))


def test_a_server_knows_no_secrets_and_goes_with_its_iterator(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ERP_PASSWORD", "hunter2")
    documents = parsed([Raw("a.pdf", note())] * 3, Settings(batch=1))
    assert next(documents).findings == ()
    (server,) = servers()
    environment = server.environ()
    assert "ERP_PASSWORD" not in environment
    assert environment["DO_NOT_TRACK"] == "1"
    documents.close()  # with documents left to read: `nothing_left` looks


@pytest.mark.long
def test_it_works_in_a_process_that_is_busy_and_large() -> None:
    """With threads at work, and with libraries that do not survive a fork."""
    import duckdb
    import polars as pl

    stop = threading.Event()

    def work() -> None:
        with duckdb.connect() as connection:
            while not stop.wait(0.05):
                pl.DataFrame({"a": range(1_000)}).lazy().select(pl.col("a").sum()).collect()
                connection.execute("select sum(range) from range(1000)").fetchall()

    found: dict[int, list[Parsed]] = {}

    def read(number: int) -> None:
        found[number] = list(parsed([Raw("a.pdf", note())], Settings()))

    busy = threading.Thread(target=work)
    readers = [threading.Thread(target=read, args=[number]) for number in range(2)]
    for thread in (busy, *readers):
        thread.start()
    for thread in readers:
        thread.join()
    stop.set()
    busy.join()
    assert [found[number][0].findings for number in range(2)] == [(), ()]


CONFINED = """
import socket, subprocess, sys
from tilth.assets.documents.limits import confine
from tilth.assets.documents.values import Settings

def fails(what):
    try:
        what()
    except (OSError, MemoryError) as error:
        return type(error).__name__
    return "nothing"

def write():
    with open(sys.argv[1], "wb", buffering=0) as file:
        file.write(b"x")

unwritten = fails(write)
confine(Settings(max_memory_mb=100))
print(unwritten, fails(lambda: socket.create_connection(("127.0.0.1", 9))), fails(lambda: socket.getaddrinfo("a", 1)),
      fails(lambda: subprocess.run(["true"])), fails(lambda: bytearray(200_000_000)), fails(write))
"""


def test_a_child_may_not_connect_write_start_or_take_more(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CONFINED, str(tmp_path / "x")], capture_output=True, text=True, check=True
    )
    told = "nothing PermissionError PermissionError PermissionError MemoryError OSError"
    assert done.stdout.strip() == told, done.stderr


def test_a_server_that_cannot_start_says_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "pypdfium2").mkdir()
    (tmp_path / "pypdfium2" / "__init__.py").write_text("raise ImportError('its library is for another machine')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(TilthError, match="its library is for another machine"):
        list(parsed([Raw("a.pdf", note())], Settings()))


@pytest.mark.long
def test_documents_that_are_large_in_unusual_ways_are_read_or_given_up() -> None:
    """Lines of ten megabytes, forms that hold forms that hold forms, a hundred thousand paragraphs."""
    line = b"Wort. " * 1_700_000
    named = {f"line.{ending}": line for ending in ("txt", "md")} | {"line.html": b"<p>" + line}
    named |= {"forms.pdf": nested_forms(26), "long.html": b"<p>Absatz eins.</p>" * 100_000, "a.pdf": note()}
    found = {one.name: one for one in parsed((Raw(*each) for each in named.items()), Settings(max_seconds=60))}
    assert {name for name, one in found.items() if one.findings == ()} == {"line.txt", "long.html", "a.pdf"}
    assert {finding.rule for one in found.values() for finding in one.findings} == {"limits"}
    assert len(found["long.html"].elements) == 100_000
    chunks = chunked("line.txt", found["line.txt"].elements)
    assert sum(len(chunk.text.split()) for chunk in chunks) == 1_700_000
