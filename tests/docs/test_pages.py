"""Every command and code block in README and docs does what the page says, in the order in which it is read."""

from __future__ import annotations

from pathlib import Path

import pytest
from pages import PAGES, ROOT, blocks
from reader import Reader, shown

LONG = {"analyst", "documents", "lineage", "operator", "quarantine", "tutorial"}  # pages that run many commands


@pytest.mark.parametrize(
    "page", [pytest.param(p, marks=[pytest.mark.long] * (p.stem in LONG)) for p in PAGES], ids=lambda page: page.stem
)
def test_a_page_can_be_followed(page: Path, tmp_path: Path) -> None:
    reader = Reader(tmp_path)
    for block in blocks(page):
        if block.how != "clone":
            reader.take(block)


@pytest.mark.long
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_a_page_says_of_the_repository_works_in_a_copy_of_it(page: Path, tmp_path: Path) -> None:
    asked = [block for block in blocks(page) if block.how == "clone"]
    if not asked:
        pytest.skip("this page says nothing of the repository")
    for block in asked:
        Reader(tmp_path).take(block)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_no_block_is_passed_over(page: Path) -> None:
    fences = [line for line in page.read_text("utf-8").splitlines() if line.lstrip(" -0123456789.").startswith("```")]
    assert len(fences) == 2 * len([block for block in blocks(page) if block.how != "run"])


def test_every_link_leads_somewhere() -> None:
    import re

    wrong = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in PAGES
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text("utf-8"))
        if not (page.parent / target).exists()
    ]
    assert not wrong, wrong


def test_only_what_cannot_run_is_skipped() -> None:
    skipped = [block.text.strip() for page in PAGES for block in blocks(page) if block.how == "skip"]
    allowed = ("make ui", "make test", "make setup", "pip install", "tilth ui", "git clone", "dagster dev")
    assert all(any(line.startswith(allowed) for line in text.splitlines()) for text in skipped), skipped


def test_a_line_that_does_not_come_is_noticed() -> None:
    assert shown(["release 1 …", "2 rows"], "release 1 published\n12 rows\n") == ""
    assert shown(["2 rows", "release 1 …"], "release 1 published\n2 rows\n") == "release 1 …"
