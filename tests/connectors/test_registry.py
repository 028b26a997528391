"""A connection's kind and settings: every mistake is named, with what was meant."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path

import pytest

from tilth.connectors.registry import connector, kinds
from tilth.connectors.secrets import Secret
from tilth.connectors.settings import duration
from tilth.errors import DeclarationError, TilthError

ERP = {"host": "h", "database": "d", "user": "u"}


def failure(kind: str, settings: dict[str, object], base: Path) -> TilthError:
    with pytest.raises(DeclarationError) as caught:
        connector(kind, "erp", settings, base=base)
    assert caught.value.where == "connection erp"
    return caught.value


def test_the_kinds() -> None:
    assert {"files", "mysql", "postgres", "rest", "sql", "sqlite"} <= set(kinds())


@pytest.mark.parametrize(
    ("kind", "settings", "what", "expected"),
    [
        ("postgress", ERP, "unknown kind postgress", "postgres"),
        ("postgres", ERP | {"prt": 1}, "unknown setting prt", "port"),
        ("postgres", ERP | {"base": "x"}, "unknown setting base", "database"),
        ("postgres", {"host": "h", "user": "u"}, "the setting database is missing", "host, database"),
        ("postgres", ERP | {"host": None}, "the setting host is missing", "host, database"),
        ("postgres", ERP | {"port": "five"}, "port cannot be used", "a whole number"),
        ("postgres", ERP | {"lag": "soon"}, "lag cannot be used", "30s, 5m, 1h"),
        ("postgres", ERP | {"port": "env:TILTH_NOT_SET"}, "the environment variable TILTH_NOT_SET is not set", ""),
    ],
)
def test_a_mistake_names_what_was_meant(
    tmp_path: Path, kind: str, settings: dict[str, object], what: str, expected: str
) -> None:
    error = failure(kind, settings, tmp_path)
    assert error.what == what and error.expected.startswith(expected)


def test_a_literal_password_is_refused_and_not_shown(tmp_path: Path) -> None:
    error = failure("postgres", {**ERP, "password": "hunter2"}, tmp_path)
    assert "hunter2" not in str(error) and "env:NAME" in str(error)


def test_a_bad_url_is_not_shown(tmp_path: Path) -> None:
    (tmp_path / "url").write_text("nosuchdb://u:hunter2@host/db")
    assert "hunter2" not in str(failure("sql", {"url": "file:url"}, tmp_path))


def test_no_representation_shows_a_password(tmp_path: Path) -> None:
    (tmp_path / "pw").write_text("hunter2")
    made = connector("postgres", "erp", {**ERP, "password": "file:pw"}, base=tmp_path)
    assert "hunter2" not in repr(made)


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("5m", timedelta(minutes=5)),
        ("30s", timedelta(seconds=30)),
        ("1h30m", timedelta(minutes=90)),
        ("45", timedelta(seconds=45)),
        ("250ms", timedelta(milliseconds=250)),
        ("1d", timedelta(days=1)),
    ],
)
def test_durations(text: str, length: timedelta) -> None:
    assert duration(text) == length


def test_a_package_adds_a_kind_with_one_function(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = tmp_path / "site" / "radio_kind.py"
    facts = tmp_path / "site" / "radio_kind-1.dist-info"
    facts.mkdir(parents=True)
    module.write_text(
        "from pathlib import Path\n"
        "from tilth.connectors.secrets import Secret\n"
        "def radio(name: str, *, base: Path, token: Secret, retries: int = 3):\n"
        "    import types\n"
        "    return types.SimpleNamespace(name=name, token=token, retries=retries, base=base)\n"
    )
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: radio-kind\nVersion: 1\n")
    (facts / "entry_points.txt").write_text("[tilth.connectors]\nradio = radio_kind:radio\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path / "site"), *sys.path])
    (tmp_path / "token").write_text("t0ken\n")
    made = connector("radio", "fm", {"token": "file:token", "retries": "7"}, base=tmp_path)
    assert (vars(made)["name"], vars(made)["retries"], vars(made)["base"]) == ("fm", 7, tmp_path)
    assert vars(made)["token"] == Secret("t0ken") and "radio" in kinds()


@pytest.mark.parametrize(
    ("kind", "settings", "object", "namespace", "dataset"),
    [
        ("postgres", ERP, "orders", "postgres://h:5432", "d.public.orders"),
        ("postgres", ERP | {"port": 6000}, "sales.orders", "postgres://h:6000", "d.sales.orders"),
        ("postgres", ERP, '"sales"."orders"', "postgres://h:5432", "d.sales.orders"),
        ("postgres", ERP, '"my.schema"."tab.le"', "postgres://h:5432", "d.my.schema.tab.le"),
        ("postgres", ERP, '"tab.le"', "postgres://h:5432", "d.public.tab.le"),
        ("mysql", ERP, "orders", "mysql://h:3306", "d.orders"),
        ("sqlite", {"path": "till.db"}, "sales", "sqlite://{base}/till.db", "sales"),
        ("rest", {"url": "https://h/api"}, "v1/contacts", "https://h:443", "/api/v1/contacts"),
        ("files", {"root": "drops"}, "ledger/*.txt", "file", "{base}/drops/ledger/*.txt"),
    ],
)
def test_an_object_is_named_as_openlineage_names_datasets(
    kind: str, settings: dict[str, object], object: str, namespace: str, dataset: str, tmp_path: Path
) -> None:
    secret = tmp_path / "password"
    secret.write_text("geheim")
    settings = settings | ({"password": "file:password"} if kind in ("postgres", "mysql") else {})
    named = connector(kind, "erp", settings, base=tmp_path).dataset(object)
    assert (named.namespace, named.name) == (namespace.format(base=tmp_path), dataset.format(base=tmp_path))
