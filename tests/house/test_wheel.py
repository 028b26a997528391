"""sdist → wheel → a clean environment: everything is in it, and `tilth init --sample` runs from it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest
from rooms import ROOMS, ROOT

pytestmark = pytest.mark.long
_ROOT_FILES = ("pyproject.toml", "README.md", "LICENSE")
_NOT_SHIPPED = ("ruff.toml",)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the sdist, which is built from a copy of the source."""
    home = tmp_path_factory.mktemp("build")
    source = home / "source"
    source.mkdir()
    for name in _ROOT_FILES:
        shutil.copy2(ROOT / name, source)
    for room in ROOMS:
        shutil.copytree(ROOT / room, source / room, ignore=shutil.ignore_patterns("__pycache__"))
    _run([sys.executable, "-m", "build", "--outdir", str(home / "dist"), str(source)], cwd=home)
    return next((home / "dist").glob("*.whl"))


def test_everything_is_in_the_sdist_and_in_the_wheel(wheel: Path) -> None:
    files = {path for room in ROOMS for path in (ROOT / room).rglob("*") if path.is_file()}
    wanted = {str(path.relative_to(ROOT)) for path in files if not {"__pycache__", ".ruff_cache"} & {*path.parts}}
    wanted -= {name for name in wanted if Path(name).name in _NOT_SHIPPED}
    with zipfile.ZipFile(wheel) as packed:
        shipped = {name.removeprefix("tilth/") for name in packed.namelist() if name.startswith("tilth/")}
    assert not wanted - shipped, f"not in the wheel: {sorted(wanted - shipped)}"
    assert not shipped - wanted, f"only in the wheel: {sorted(shipped - wanted)}"
    with tarfile.open(next(wheel.parent.glob("*.tar.gz"))) as packed:
        sources = {name.partition("/")[2] for name in packed.getnames()}
    assert not wanted - sources, f"not in the sdist: {sorted(wanted - sources)}"


def test_the_sample_runs_from_the_wheel(wheel: Path, tmp_path: Path) -> None:
    place = tmp_path / "environment"
    venv.create(place, with_pip=True)
    _install(place, f"{wheel}[sample]")
    tilth = str(place / "bin" / "tilth")
    _run([tilth, "init", "acme", "--sample"], cwd=tmp_path)
    night = json.loads(_run([tilth, "run", "--json"], cwd=tmp_path / "acme"))
    assert night["exit"] == 0
    assert night["conserved"]
    assert (tmp_path / "acme" / "data" / "curated.duckdb").exists()
    where = _run(
        [str(place / "bin" / "python"), "-c", "import tilth.errors; print(tilth.errors.__file__)"], cwd=tmp_path
    )
    assert Path(where.strip()).is_relative_to(place)


def _install(place: Path, what: str) -> None:
    """By uv where it is there and reaches its index, else by pip."""
    python, constraints = str(place / "bin" / "python"), str(ROOT / "constraints.txt")
    uv = Path(sys.executable).with_name("uv")
    if uv.exists():
        command = [str(uv), "pip", "install", "--quiet", "--python", python, "-c", constraints, what]
        if subprocess.run(command, capture_output=True, check=False).returncode == 0:
            return
    _run([python, "-m", "pip", "install", "--quiet", "-c", constraints, what], cwd=place)


def _run(command: list[str], *, cwd: Path) -> str:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "TILTH_", "DAGSTER_"))}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, f"{command} ended with {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout
