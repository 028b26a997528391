"""References are read at the point of use, and what they name never shows."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tilth.connectors.secrets import Secret, resolve, scrub
from tilth.errors import DeclarationError


@given(st.text(min_size=4))
def test_a_secret_never_prints(value: str) -> None:
    secret = Secret(value)
    for shown in (str(secret), repr(secret), f"{secret}", f"{secret:>30}", f"{[secret]}"):
        assert shown.strip("[]") == "***"
    assert secret.reveal() == value and secret == Secret(value) and secret != value
    assert copy.deepcopy(secret) is secret


def test_a_secret_is_not_written_down() -> None:
    with pytest.raises(TypeError, match="reference"):
        pickle.dumps(Secret("hunter2"))


def test_references(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ERP_PASSWORD", "from the environment")
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "pw").write_text("from a file \n")
    assert resolve("env:ERP_PASSWORD", tmp_path) == "from the environment"
    assert resolve("file:deep/pw", tmp_path) == "from a file "
    assert resolve("plain", tmp_path) == "plain" and resolve(5432, tmp_path) == "5432"


@pytest.mark.parametrize("reference", ["env:TILTH_NOT_SET", "file:no/such/file", "file:."])
def test_a_missing_reference_is_named(tmp_path: Path, reference: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        resolve(reference, tmp_path, where="connection erp")
    assert caught.value.got == reference and caught.value.where == "connection erp" and caught.value.next


@given(st.text(st.characters(codec="utf-8", exclude_characters="*"), min_size=3))
def test_scrubbing_leaves_no_form_of_a_secret(value: str) -> None:
    said = f"cannot connect to postgresql://u:{quote(value, safe='')}@h, {value!s}, {quote_plus(value)}"
    assert value not in scrub(said, [Secret(value), Secret("")])
