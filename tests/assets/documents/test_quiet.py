"""Reading asks for no network, says the same each time, and needs its libraries only where it reads."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from papers import NOTE, mail, note

from tilth.assets.documents import Raw, Settings, parsed, parser_version
from tilth.assets.documents.values import Parsed, parsed_from_json, to_json
from tilth.pipelines.sample.library_files import as_docx, as_html, as_markdown, as_text

WATCH = Path(__file__).parents[2] / "adversity" / "watch" / "sitecustomize.py"
ALONE = ["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$0" "$@"']
THROUGH_CHILDREN = """
import json, pathlib, sys
from tilth.assets.documents import Raw, Settings, parsed
from tilth.assets.documents.values import to_json
documents = [Raw(path.name, path.read_bytes()) for path in sorted(pathlib.Path(sys.argv[1]).iterdir())]
found = [to_json(one) for one in parsed(documents, Settings())]
print(json.dumps({"found": found, "imported": sorted(sys.modules)}))
"""
HERE = """
import json, pathlib, sys
from tilth.assets.documents.reading import load, read
from tilth.assets.documents.values import Raw, Settings, to_json
load()
documents = [Raw(path.name, path.read_bytes()) for path in sorted(pathlib.Path(sys.argv[1]).iterdir())]
print(json.dumps({"found": [to_json(read(one, Settings())) for one in documents], "imported": sorted(sys.modules)}))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A document of each kind."""
    place = tmp_path_factory.mktemp("documents")
    kinds = {"pdf": note(), "docx": as_docx(NOTE), "html": as_html(NOTE), "md": as_markdown(NOTE), "txt": as_text(NOTE)}
    kinds["eml"] = mail("Blatt", "Anbei das Blatt.", attached=[("blatt.pdf", note())])
    for ending, content in kinds.items():
        (place / f"a.{ending}").write_bytes(content)
    return place


@pytest.fixture(scope="module")
def expected(folder: Path) -> list[Parsed]:
    documents = [Raw(path.name, path.read_bytes()) for path in sorted(folder.iterdir())]
    found = list(parsed(documents, Settings()))
    assert all(one.elements and not one.findings for one in found)
    return found


def run(
    code: str, folder: Path, *, before: list[str] | None = None, **environment: str
) -> tuple[list[Parsed], set[str]]:
    done = subprocess.run(
        [*(before or []), sys.executable, "-c", code, str(folder)],
        env={**os.environ, "DO_NOT_TRACK": "1", "UNSTRUCTURED_DISABLE_NOTICE": "1", **environment},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    return [parsed_from_json(one) for one in told["found"]], {*told["imported"]}


def alone() -> list[str]:
    """How to run something where there is no network but loopback; nothing, where that cannot be had."""
    possible = os.geteuid() == 0 and shutil.which("unshare") and shutil.which("ip")
    if not possible or subprocess.run([*ALONE, "true"], capture_output=True, check=False).returncode:
        return []
    return ALONE


def test_nothing_asks_for_a_socket(folder: Path, expected: list[Parsed], tmp_path: Path) -> None:
    """Watched in the server's process; its children cannot write that down, and are refused by a hook of their own."""
    shutil.copy(WATCH, tmp_path)
    watch = (tmp_path / WATCH.name).read_text("utf-8").replace('os.environ["WATCHED"]', repr(str(tmp_path / "asked")))
    (tmp_path / WATCH.name).write_text(watch.replace('"WATCHED" in os.environ', "True"), "utf-8")
    found, imported = run(THROUGH_CHILDREN, folder, before=alone(), PYTHONPATH=str(tmp_path))
    assert found == expected
    assert not (tmp_path / "asked").exists()
    assert not imported & {"unstructured", "pypdfium2", "docx", "lxml", "markdown", "polars", "dagster"}
    proof = "import socket; s = socket.socket(); s.settimeout(1); s.connect_ex(('127.0.0.1', 9))"
    subprocess.run([sys.executable, "-c", proof], env={**os.environ, "PYTHONPATH": str(tmp_path)}, check=True)
    assert "socket.connect" in (tmp_path / "asked").read_text("utf-8")  # the watch does see


def test_the_same_bytes_give_the_same_elements(folder: Path, expected: list[Parsed]) -> None:
    found, imported = run(HERE, folder, PYTHONHASHSEED="31415")
    assert found == expected
    assert not {name.split(".")[0] for name in imported} & {
        "spacy",
        "torch",
        "pandas",
        "unstructured_inference",
        "polars",
    }


def test_what_is_said_can_be_written_down(expected: list[Parsed]) -> None:
    for one in expected:
        assert parsed_from_json(json.loads(json.dumps(to_json(one)))) == one


def test_the_version_names_what_elements_depend_on() -> None:
    ours, *libraries = parser_version().split()
    assert ours.isdigit()
    assert [one.rpartition("-")[0] for one in libraries] == [
        "unstructured", "pypdfium2", "python-docx", "lxml", "markdown", "filetype",
    ]  # fmt: skip


def test_a_missing_library_is_named_before_anything_starts(tmp_path: Path) -> None:
    """Asked of an interpreter that has no library but the house itself."""
    (tmp_path / "tilth").symlink_to(Path(__file__).parents[3])
    code = (
        "import subprocess\n"
        "subprocess.Popen = None\n"
        "from tilth.assets.documents import Raw, Settings, parsed\n"
        "try:\n    parsed([Raw('a', b'a')], Settings())\n"
        "except Exception as error:\n    print(error)"
    )
    command = [sys.executable, "-S", "-P", "-c", code]
    done = subprocess.run(command, env={"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True, check=True)
    assert done.stdout == 'unstructured is not installed\n  next: pip install "tilth[documents]"\n'
