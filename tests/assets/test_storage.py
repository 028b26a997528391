"""A file of the lake appears whole or not at all, and a disk that refuses says what to do."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tilth.assets.storage import LocalStorage
from tilth.errors import LakeError


def _files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_file_appears_when_its_block_ends(tmp_path: Path) -> None:
    storage = LocalStorage(tmp_path)
    with storage.create("raw/a/b.parquet") as file:
        file.write_bytes(b"12345")
        assert file.parent == tmp_path / "raw" / "a" and file.name.startswith(".tmp-")
        assert not storage.exists("raw/a/b.parquet")
    assert storage.exists("raw/a/b.parquet") and storage.size("raw/a/b.parquet") == 5
    assert list(storage.list("raw")) == ["raw/a/b.parquet"] and _files(tmp_path) == ["raw/a/b.parquet"]


def test_a_block_that_fails_leaves_nothing(tmp_path: Path) -> None:
    storage = LocalStorage(tmp_path)
    with pytest.raises(RuntimeError), storage.create("raw/a.parquet") as file:
        file.write_bytes(b"1")
        raise RuntimeError
    assert _files(tmp_path) == []


def test_a_block_that_fails_keeps_the_file_that_was_there(tmp_path: Path) -> None:
    storage = LocalStorage(tmp_path)
    with storage.create("a") as file:
        file.write_bytes(b"old")
    with pytest.raises(RuntimeError), storage.create("a") as file:
        file.write_bytes(b"new")
        raise RuntimeError
    assert Path(storage.url("a")).read_bytes() == b"old"


def test_deleting_takes_the_empty_folders_along_but_never_the_root(tmp_path: Path) -> None:
    storage = LocalStorage(tmp_path / "lake")
    for rel in ("raw/a/b/1", "raw/a/2"):
        with storage.create(rel) as file:
            file.touch()
    storage.delete("raw/a/b/1")
    assert not (tmp_path / "lake/raw/a/b").exists() and storage.exists("raw/a/2")
    storage.delete("raw/a/2")
    storage.delete("raw/a/2")
    assert (tmp_path / "lake").is_dir() and not (tmp_path / "lake" / "raw").exists()


def test_scratch_is_gone_afterwards(tmp_path: Path) -> None:
    storage = LocalStorage(tmp_path / "lake")
    with storage.scratch() as folder:
        (folder / "a").touch()
    assert _files(tmp_path) == []


@pytest.mark.parametrize("rel", ["/etc/passwd", "../outside", "raw/../../outside"])
def test_nothing_outside_the_root_is_touched(tmp_path: Path, rel: str) -> None:
    with pytest.raises(ValueError, match="below the storage root"), LocalStorage(tmp_path).create(rel):
        pass


_FILL = """
import resource, signal, sys
from pathlib import Path
import pyarrow as pa
from tilth.assets import parquet
from tilth.assets.storage import LocalStorage
from tilth.errors import LakeError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    with LocalStorage(Path(sys.argv[1])).create("raw/big.parquet") as file:
        parquet.write(file, pa.table({"a": [str(n * 7919) for n in range(100_000)]}))
except LakeError as error:
    print(error)
    sys.exit(7)
"""


def test_a_disk_that_takes_no_more_says_what_is_kept(tmp_path: Path) -> None:
    with LocalStorage(tmp_path).create("raw/small.parquet") as file:
        file.write_bytes(b"1")
    done = subprocess.run([sys.executable, "-c", _FILL, str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == 7, done.stderr
    assert "the disk is full" in done.stdout and "is kept" in done.stdout and "next: free space" in done.stdout
    assert _files(tmp_path) == ["raw/small.parquet"]


def test_a_file_in_the_place_of_a_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "raw").touch()
    with pytest.raises(LakeError) as caught, LocalStorage(tmp_path).create("raw/a/b"):
        pass
    assert caught.value.next and str(tmp_path) in caught.value.where


_DIE = """
import os, signal, sys
from pathlib import Path
from tilth.assets.storage import LocalStorage
storage = LocalStorage(Path(sys.argv[1]))
with storage.scratch() as folder, storage.create("raw/a/b") as file:
    (folder / "x").touch()
    file.write_bytes(b"1")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_process_leaves_is_no_file_and_can_be_cleared(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", _DIE, str(tmp_path)], check=False)
    assert done.returncode == -signal.SIGKILL
    storage = LocalStorage(tmp_path)
    assert list(storage.list("raw")) == [] and len(_files(tmp_path)) == 2
    assert storage.clear_leftovers() == 2 and _files(tmp_path) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_is_told(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(LakeError, match="not allowed"), LocalStorage(tmp_path).create("raw/a"):
        pass
