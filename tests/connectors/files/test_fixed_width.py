from __future__ import annotations

import io
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.connectors.files.conftest import examples
from tilth.connectors.files.fixed_width import read
from tilth.connectors.files.formats import Field, FixedWidth, Mark
from tilth.connectors.files.refused import Refused

FORM = FixedWidth(encoding="cp1252", fields=(Field("kind", 0, 1), Field("name", 1, 6), Field("amount", 7, 4)))
TYPED = replace(FORM, header=Mark("H"), record=Mark("D"), trailer=Mark("T", Field("count", 1, 5)))
TEXTS = st.text(st.characters(codec="cp1252", exclude_characters="\r\n\x1a", exclude_categories=["Cc"]), max_size=6)


def records(data: bytes, form: FixedWidth) -> list[tuple[str, ...]]:
    return [tuple(row.values()) for part in read(io.BytesIO(data), form) for row in part.table.to_pylist()]


def refusal(data: bytes, form: FixedWidth) -> tuple[str, str | None]:
    with pytest.raises(Refused) as caught:
        records(data, form)
    return caught.value.fault.rule, caught.value.fault.value


def line(name: str, amount: str) -> str:
    return f"D{name:<6}{amount:>4}"


@examples()
@given(
    st.lists(st.tuples(TEXTS, st.integers(0, 9999)), min_size=1), st.sampled_from(["\n", "\r\n", "\r"]), st.booleans()
)
def test_what_was_written_is_read(rows: list[tuple[str, int]], end: str, trim: bool) -> None:
    text = end.join(["H20240101", *(line(name, str(amount)) for name, amount in rows), f"T{len(rows):05}", ""])
    expected = [("D", f"{name:<6}", f"{amount:>4}") for name, amount in rows]
    if trim:
        expected = [(kind, name.strip(" "), amount.strip(" ")) for kind, name, amount in expected]
    assert records(text.encode("cp1252"), replace(TYPED, trim=trim)) == expected


@pytest.mark.parametrize(
    ("text", "rule", "value"),
    [
        ("H\n" + line("a", "1") + "\nT00002\n", "trailer_count", "00002"),
        ("H\n" + line("a", "1") + "\nTx\n", "trailer_count", "x"),
        ("H\n" + line("a", "1") + "\n", "trailer_count", line("a", "1")),
        ("H\n", "trailer_count", ""),
        (line("a", "1") + "\nT00001\n", "header", "line 1: " + line("a", "1")),
        ("H\n" + line("a", "1") + "\nX\nT00001\n", "record_type", "line 3: X"),
        ("H\n" + line("a", "1") + "\nD\nT00002\n", "record_length", "line 3: 1 characters"),
        ("H\nT00000\nH\nT00000\n", "record_type", "line 2: T00000"),
        ("\n\n", "empty", "no line"),
        ("", "empty", "0 bytes"),
    ],
)
def test_a_file_that_is_not_as_declared_is_refused(text: str, rule: str, value: str) -> None:
    assert refusal(text.encode("cp1252"), TYPED) == (rule, value)


def test_bytes_that_the_code_page_does_not_have() -> None:
    data = (line("a", "1") + "\n").encode() * 3 + line("b", "1").encode().replace(b"b", b"\x81") + b"\n"
    assert refusal(data, FORM) == ("encoding", "byte 0x81 in line 4")


def test_an_undeclared_length_is_that_of_the_first_record() -> None:
    assert records(b"Da         1filler\nDb         2filler\n", FORM)[1][1] == "b"
    assert refusal(b"Da         1filler\nDb         2\n", FORM)[0] == "record_length"
    assert refusal(b"Da\nDb\n", FORM) == ("record_length", "line 1: 2 characters")
    assert refusal((line("a", "1") + "\n").encode(), replace(FORM, length=12))[0] == "record_length"


def test_the_trailer_is_told_from_records_over_many_chunks() -> None:
    count = 100_000
    text = "H\n" + "".join(line("T", str(number % 10_000)) + "\n" for number in range(count)) + "T00000\n"
    wide = replace(TYPED, trailer=Mark("T", Field("count", 1, 6)))
    assert refusal(text.encode(), wide) == ("trailer_count", "00000")
    assert len(records(text.replace("T00000\n", f"T{count:06}\n").encode(), wide)) == count


def test_the_end_of_file_mark_of_old_systems() -> None:
    assert len(records((line("a", "1") + "\r\n\x1a").encode(), FORM)) == 1
