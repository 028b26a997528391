"""What calls for a publish run, and what does not."""

from __future__ import annotations

import dagster as dg
import pytest

from tilth.assets.resources import NIGHT
from tilth.pipelines.sensors import follow_up

CUSTOMERS = frozenset({dg.AssetKey(["ready", "customers"]), dg.AssetKey(["curated", "customers"])})


def run(job: str = "ingest", *, good: bool = True, tags: dict[str, str] | None = None, **more: object) -> dg.DagsterRun:
    status = dg.DagsterRunStatus.SUCCESS if good else dg.DagsterRunStatus.FAILURE
    return dg.DagsterRun(job_name=job, run_id="a-run", status=status, tags=tags or {}, **more)


@pytest.mark.parametrize("good", [True, False])
def test_an_ingest_run_that_left_something_is_followed_by_a_publish_of_all(good: bool) -> None:
    request = follow_up(run(good=good), lambda: True)
    assert isinstance(request, dg.RunRequest)
    assert (request.run_key, request.asset_selection, request.tags[NIGHT]) == ("a-run", None, "a-run")


def test_a_failed_run_that_was_to_publish_is_followed_by_a_publish_of_what_it_selected() -> None:
    request = follow_up(run("__ASSET_JOB", good=False, asset_selection=CUSTOMERS), lambda: True)
    assert isinstance(request, dg.RunRequest)
    assert request.asset_selection == [dg.AssetKey(["curated", "customers"])]


@pytest.mark.parametrize(
    ("ended", "pending", "why"),
    [
        (run(), False, "nothing is pending"),
        (run("publish"), True, "not followed by another"),
        (run(tags={NIGHT: "n1"}), True, "night n1 publishes by itself"),
        (run("__ASSET_JOB", asset_selection=CUSTOMERS), True, "published what it selected"),
    ],
)
def test_other_runs_are_left_alone(ended: dg.DagsterRun, pending: bool, why: str) -> None:
    answer = follow_up(ended, lambda: pending)
    assert isinstance(answer, dg.SkipReason)
    assert why in str(answer.skip_message)
