"""`tilth verify`: the proof, taken again from the data."""

from __future__ import annotations

from dataclasses import asdict

import typer

from tilth.errors import ReleaseError
from tilth.pipelines.cli.answers import Answer, here
from tilth.pipelines.project import open_lake
from tilth.pipelines.settings import find_project, read_settings

__all__ = ["verify"]


def verify(context: typer.Context) -> Answer:
    """Count and compare again: releases against manifests, balances, states of records, files of the lake.

    Nothing is changed. Exit code 1 when something is not as it was recorded; each problem is named.

    Example: tilth verify
    """
    from tilth.assets.publishing.verify import verify as prove

    found = prove(open_lake(read_settings(find_project(here(context).project))))
    problems = [
        ReleaseError(one.what, where=one.where, expected=one.expected, got=one.got, next=one.next)
        for one in found.problems
    ]
    view = f"verified: {found.checked} checks, " + ("all as recorded" if found.ok else f"{len(problems)} problems")
    document = {"ok": found.ok, "checked": found.checked, "problems": [asdict(one) for one in found.problems]}
    return Answer(document, view, 0 if found.ok else 1, problems)
