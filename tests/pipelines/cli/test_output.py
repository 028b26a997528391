"""What goes to a pipe can be read line by line."""

from __future__ import annotations

import pytest

from tilth.pipelines.cli.answers import Answer
from tilth.pipelines.cli.output import Terminal
from tilth.pipelines.cli.tables import grid

LONG = "the server answered " + "so many words that no line of a terminal holds them " * 12


def test_a_row_and_a_message_stay_on_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    rows = [{"name": "erp", "said": LONG.strip()}, {"name": "crm", "said": "x" * 900}]
    with Terminal(as_json=False, debug=False) as terminal:
        terminal.answer(Answer(rows, lambda: grid(rows, ("name", "said"), empty="none")))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert lines[1].startswith("erp") and lines[1].rstrip().endswith(LONG.strip())
    assert "x" * 900 in lines[2]
    assert max(map(len, lines)) < 1_000
