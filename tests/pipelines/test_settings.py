"""tilth.yaml and connections.yaml: what they mean, and every mistake at its line; contracts from the code folder."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tilth.errors import ContractError, DeclarationError
from tilth.pipelines.contracts import contract_class
from tilth.pipelines.drafting import annotation
from tilth.pipelines.project import open_project, read_project
from tilth.pipelines.settings import Lineage, Settings, find_project, read_connections, read_settings


def settings_of(folder: Path, text: str) -> Settings:
    (folder / "tilth.yaml").write_text(text, "utf-8")
    return read_settings(folder)


def mistakes_of(folder: Path, text: str) -> list[str]:
    found: list[str] = []
    try:
        settings_of(folder, text)
    except* DeclarationError as group:
        found += [str(error) for error in group.exceptions]
    return found


def test_an_empty_file_is_a_project(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, "")
    assert settings.storage == tmp_path / "data/lake"
    assert settings.state == f"sqlite:///{tmp_path}/data/state.db"
    assert settings.curated == tmp_path / "data/curated.duckdb"
    assert (settings.time_zone, settings.schedule, settings.systems) == ("UTC", None, None)


def test_every_key_is_read(tmp_path: Path) -> None:
    text = (
        'name: acme\nstate: postgresql://u:p@h/db\ncode: /elsewhere\ntime_zone: Europe/Berlin\nschedule: "0 2 * * *"\n'
    )
    settings = settings_of(tmp_path, text + "keep: {releases: 3, raw_days: 7}\nsystems: tilth.pipelines.sample\n")
    assert (settings.name, settings.state, settings.code) == ("acme", "postgresql://u:p@h/db", Path("/elsewhere"))
    assert (settings.keep.releases, settings.keep.raw_days, settings.time_zone) == (3, 7, "Europe/Berlin")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", Lineage(file=Path("data/lineage/events.jsonl"))),
        ("lineage: off", Lineage()),
        ('lineage: "off"', Lineage()),
        ("lineage: {file: /var/log/lineage.jsonl}", Lineage(file=Path("/var/log/lineage.jsonl"))),
        ("lineage: {url: 'https://marquez:5000'}", Lineage(url="https://marquez:5000")),
        (
            "lineage: {url: http://h/base, path: /v2/x, api_key: env:KEY, timeout: 2s}",
            Lineage(url="http://h/base", path="/v2/x", api_key="env:KEY", timeout=timedelta(seconds=2)),
        ),
    ],
)
def test_lineage_goes_to_a_file_to_a_backend_or_nowhere(tmp_path: Path, text: str, expected: Lineage) -> None:
    found = settings_of(tmp_path, text).lineage
    file = tmp_path / expected.file if expected.file else None
    assert found == replace(expected, file=file)
    assert found.on == (text not in ("lineage: off", 'lineage: "off"'))
    assert "KEY" not in repr(found)


@pytest.mark.parametrize(
    ("text", "line", "told"),
    [
        ("name: a\nstorge: x", 2, "storage, perhaps"),
        ("name: a\n\nkeep: {releases: 0}", 3, "from 1"),
        ("keep: {release: 1}", 1, "releases, perhaps"),
        ("time_zone: Europe/Berln", 1, "Europe/Berlin, perhaps"),
        ('schedule: "0 2 * *"', 1, "cron"),
        ("storage: s3://bucket/x", 1, "later version"),
        ("state: data/state.db", 1, "must be a URL"),
        ("systems: a b", 1, "import path"),
        ("lineage: on", 1, "mapping"),
        ("lineage:\n  fle: x", 2, "file, perhaps"),
        ("lineage:\n  file: x\n  url: http://h", 2, "not to both"),
        ("lineage:\n  url: ftp://h", 2, "https://HOST"),
        ("lineage:\n  url: https://me:secret@h", 2, "https://HOST"),
        ("lineage:\n  url: https://h?key=secret", 2, "https://HOST"),
        ("lineage: {url: http://h, timeout: soon}", 1, "duration"),
        ("lineage: {url: http://h, path: v1}", 1, "/api/v1/lineage"),
        ("- a", 1, "mapping"),
        ("a: b\n---\nc: d", 3, "several"),
        ("name: [", 1, "not valid YAML"),
    ],
)
def test_mistakes_have_lines(tmp_path: Path, text: str, line: int, told: str) -> None:
    found = mistakes_of(tmp_path, text)
    assert any(f"tilth.yaml:{line}: " in one and told in one for one in found), found


def test_a_secret_in_the_wrong_place_is_not_told(tmp_path: Path) -> None:
    found = mistakes_of(tmp_path, "state: hunter2")
    found += mistakes_of(tmp_path, "lineage: {url: http://h, api_key: hunter2}")
    found += mistakes_of(tmp_path, "lineage: {url: 'http://u:hunter2@h'}")
    assert len(found) == 3
    settings = settings_of(tmp_path, "")
    (tmp_path / "connections.yaml").write_text("erp: postgres://u:hunter2@h/d\ncrm: {password: hunter2}\n", "utf-8")
    connections, mistakes = read_connections(settings)
    assert connections == {}
    assert len(mistakes) == 2
    assert "hunter2" not in str([*found, *map(str, mistakes)])


def test_the_project_is_found_upwards(tmp_path: Path) -> None:
    settings_of(tmp_path, "")
    (tmp_path / "a/b").mkdir(parents=True)
    assert find_project(tmp_path / "a/b") == tmp_path
    with pytest.raises(DeclarationError, match="no such folder"):
        find_project(tmp_path / "nowhere")
    with pytest.raises(DeclarationError, match="no project"):
        find_project(Path("/"))


def test_all_mistakes_of_a_project_at_once(tmp_path: Path) -> None:
    settings_of(tmp_path, "")
    (tmp_path / "connections.yaml").write_text("erp: {kind: }\ncrm:\n", "utf-8")
    (tmp_path / "defs/a").mkdir(parents=True)
    (tmp_path / "defs/a/defs.yaml").write_text("type: tilth.assets.Tabel\n", "utf-8")
    project, mistakes = read_project(tmp_path)
    assert not project.tables
    assert [mistake.where for mistake in mistakes] == ["connections.yaml:1", "connections.yaml:2", "defs/a/defs.yaml:1"]
    with pytest.raises(ExceptionGroup):
        open_project(tmp_path)


def module(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "contracts.py").write_text(text, "utf-8")
    return folder


def test_two_projects_never_clash(tmp_path: Path) -> None:
    one = module(tmp_path / "one", "class Order:\n    place = 1\n")
    two = module(tmp_path / "two", "class Order:\n    place = 2\n")
    orders = [contract_class("contracts.Order", code=code, where="") for code in (one, two)]
    assert [order.__dict__["place"] for order in orders] == [1, 2]
    module(one, "class Order:\n    place = 30\n")
    assert contract_class("contracts.Order", code=one, where="").__dict__["place"] == 30


def test_a_project_shadows_no_package_and_packages_are_found(tmp_path: Path) -> None:
    code = module(tmp_path, "from json import JSONDecoder\n\n\nclass Own:\n    pass\n")
    assert contract_class("json.JSONDecoder", code=code, where="").__module__ == "json.decoder"
    (code / "shop").mkdir()
    (code / "shop/__init__.py").write_text("from .parts import Part\n", "utf-8")
    (code / "shop/parts.py").write_text("class Part:\n    pass\n", "utf-8")
    assert contract_class("shop.Part", code=code, where="").__name__ == "Part"
    assert contract_class("shop.parts.Part", code=code, where="").__name__ == "Part"


@pytest.mark.parametrize(
    ("path", "text", "kind", "told"),
    [
        ("contracts.Ordr", "class Order: ...\n", DeclarationError, "Order, perhaps"),
        ("contract.Order", "class Order: ...\n", DeclarationError, "contracts, perhaps"),
        ("contracts.x", "x = 1\n", DeclarationError, "not a class"),
        ("Order", "class Order: ...\n", DeclarationError, "expected module.Class, like contracts.Customer, got Order"),
        ("contracts:Order", "class Order: ...\n", DeclarationError, "expected contracts.Order, perhaps"),
        ("./contracts.py:Order", "class Order: ...\n", DeclarationError, "expected contracts.Order, perhaps"),
        (".Order", "class Order: ...\n", DeclarationError, "this names no class"),
        ("", "class Order: ...\n", DeclarationError, "this names no class"),
        ("contracts.Order", "import nowhere_at_all\n", ContractError, "contracts.py:1"),
        ("contracts.Order", "a = 1\nb = 1 / 0\n", ContractError, "contracts.py:2"),
        ("contracts.Order", "class Order(:\n", ContractError, "contracts.py:1"),
        ("contracts.Order", "import contracts\n", ContractError, "from .contracts import"),
    ],
)
def test_a_contract_that_cannot_be_had_is_told(
    tmp_path: Path, path: str, text: str, kind: type[Exception], told: str
) -> None:
    with pytest.raises(kind) as caught:
        contract_class(path, code=module(tmp_path, text), where="defs/x/defs.yaml:4")
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "meant"),
    [
        ("INTEGER", "int"),
        ("bigint", "int"),
        ("NUMERIC(12, 2)", "pl.Decimal(12, 2)"),
        ("NUMERIC", "pl.Decimal(38, 6)"),
        ("TIMESTAMP WITH TIME ZONE", "datetime"),
        ("DATE", "date"),
        ("DOUBLE PRECISION", "float"),
        ("VARCHAR(20)", "str"),
        ("JSONB", "str"),
        ("INTERVAL", "str"),
        ("BOOLEAN", "bool"),
        ("geometry", "str"),
    ],
)
def test_a_draft_knows_the_types_of_sources(kind: str, meant: str) -> None:
    assert annotation(kind) == meant


@pytest.mark.parametrize("name", ["what?", "back\\slash"])
def test_a_project_stands_where_duckdb_can_read(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    said = mistakes_of(tmp_path / name, "name: acme")
    assert len(said) == 2 and all("DuckDB reads no path" in one for one in said)
    elsewhere = f"storage: {tmp_path}/lake\ncurated: {tmp_path}/c.duckdb"
    assert settings_of(tmp_path / name, elsewhere).curated == tmp_path / "c.duckdb"
