"""Standardisers bring text into one form, the same way every time."""

from __future__ import annotations

import unicodedata

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tilth.schemas.compile import compile_rules
from tilth.schemas.contract import Contract, field, spec_of
from tilth.schemas.evaluate import verdicts
from tilth.schemas.expanding import schema_of
from tilth.schemas.standardise import STANDARDISERS, standardised


def run(texts: list[str | None], *names: str) -> list[str | None]:
    frame = pl.DataFrame({"text": texts}, schema={"text": pl.String})
    return frame.select(standardised(pl.col("text"), names)).to_series().to_list()


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("trim", " a b\t", "a b"),
        ("visible", "\ufeffa\u200b\u00adb", "ab"),
        ("visible", "\u200b", None),
        ("collapse_spaces", " a \n\u00a0 b ", "a b"),
        ("lower", "ÄB", "äb"),
        ("casefold", "STRAßE", "strasse"),
        ("upper", "äb", "ÄB"),
        ("nfc", "a\u0308", "ä"),
        ("empty_to_null", "  ", None),
        ("email", " mailto:A.B@C.de ", "a.b@c.de"),
        ("phone_digits", "+49 (0)30 / 123-45", "+493012345"),
        ("phone_digits", "0049 30 12", "+493012"),
        ("phone_digits", "none", None),
        ("digits", "DE 12-3", "123"),
        ("country_code", " de", "DE"),
        ("alphanumeric_upper", "de89 3704-0044", "DE8937040044"),
    ],
)
def test_examples(name: str, text: str, expected: str | None) -> None:
    assert run([text, None], name) == [expected, None]


@pytest.mark.parametrize("name", sorted(STANDARDISERS))
@given(texts=st.lists(st.none() | st.text(max_size=12), min_size=1))
def test_a_standardised_value_is_left_alone(name: str, texts: list[str | None]) -> None:
    once = run(texts, name)
    assert run(once, name) == once


@given(st.lists(st.text(max_size=12), min_size=1))
def test_nfc_is_python_s(texts: list[str]) -> None:
    assert run(list(texts), "nfc") == [unicodedata.normalize("NFC", text) for text in texts]


def verdict(texts: list[str], **named: bool) -> list[bool | None]:
    class Named(Contract):
        text: str = field(**named)

    spec = spec_of(Named)
    rules = compile_rules(schema_of(Named), spec)
    return verdicts(rules, pl.DataFrame({"text": texts}), "Named")[0].to_list()


def test_mojibake() -> None:
    good = [
        "Müller",
        "naïve",
        "Ça va",
        "Ångström",
        "Â",
        "Ã",
        "ÂB",
        "São Paulo",
        "100 °C – 5 €",
        "â",
        "Ελλάδα",
        "ÃO",
        "Ø",
    ]
    assert verdict(good, no_mojibake=True) == [True] * len(good)
    broken = [
        text.encode().decode("cp1252", "replace")
        for text in ("Müller", "Straße", "5 €", "“quoted”", "é", "Ä", "ñ", "–")
    ]
    broken += ["M\ufffdller", "a\u0085b", "Müller".encode().decode("latin-1"), "\ufeff".encode().decode("latin-1")]
    assert verdict(broken, no_mojibake=True) == [False] * len(broken)


def test_email() -> None:
    good = ["a@b.de", "first.last+tag@sub.example.co.uk", "o'neil@x-y.org"]
    assert verdict(good, email=True) == [True] * len(good)
    bad = ["a@b", "@b.de", "a@", "a b@c.de", "a@b..de", "a@-b.de", "a@b.de, c@d.de", "a..b@c.de", "a@b.de\n"]
    assert verdict(bad, email=True) == [False] * len(bad)
