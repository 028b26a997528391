"""One promise, three places: what Dagster says of freshness is what we say, as far as its policies reach."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
from dagster._core.definitions.freshness_evaluator import FRESHNESS_EVALUATORS_BY_POLICY_TYPE
from dagster._core.loader import LoadingContextForTest
from dagster._core.test_utils import freeze_time
from hypothesis import given, settings
from hypothesis import strategies as st

from tilth.assets.declared import Freshness
from tilth.assets.specs import freshness_policy
from tilth.schemas.freshness import Sla, state_of

KEY = dg.AssetKey(["curated", "orders"])
DAYS = st.integers(0, 9 * 24 * 60).map(lambda minutes: timedelta(minutes=minutes))


def dagsters(promise: Freshness, as_of: datetime, now: datetime) -> str:
    """What Dagster's own evaluator says at `now` of an asset that was materialised at `as_of`."""
    policy = freshness_policy(promise, "UTC")
    assert policy is not None
    node = dg.Definitions([dg.AssetSpec(KEY, freshness_policy=policy)]).resolve_asset_graph().get(KEY)
    with dg.DagsterInstance.ephemeral() as instance:
        with freeze_time(as_of):
            instance.report_runless_asset_event(dg.AssetMaterialization(KEY))
        with freeze_time(now):
            evaluator = FRESHNESS_EVALUATORS_BY_POLICY_TYPE[type(policy)]()
            said = asyncio.run(evaluator.evaluate_freshness(LoadingContextForTest(instance), node))
    return {"PASS": "fresh", "FAIL": "late"}[said.value]


def ours(promise: Freshness, as_of: datetime, now: datetime) -> str:
    return state_of(Sla(promise.deadline, promise.max_age, "UTC"), as_of, now).state


@pytest.mark.parametrize(
    "promise",
    [Freshness("0 6 * * *"), Freshness("*/30 * * * *"), Freshness(None, timedelta(hours=26))],
    ids=["daily", "half-hourly", "26h"],
)
@settings(max_examples=25, deadline=None, derandomize=True)
@given(second=st.integers(1, 59), start=DAYS, wait=DAYS)
def test_a_promise_that_dagster_can_express_is_the_same_there(
    promise: Freshness, second: int, start: timedelta, wait: timedelta
) -> None:
    as_of = datetime(2026, 11, 2, tzinfo=UTC) + start + timedelta(seconds=second)
    now = as_of + wait + timedelta(seconds=30)
    assert dagsters(promise, as_of, now) == ours(promise, as_of, now)


@pytest.mark.parametrize(
    ("promise", "delay"),
    [
        (Freshness("0 6 * * *", timedelta(hours=26)), timedelta(hours=2)),
        (Freshness("0 6 * * *", timedelta(hours=45)), timedelta(hours=3)),
        (Freshness("0 6 * * *", timedelta(hours=60)), timedelta(0)),
        (Freshness("0 6 * * mon-fri"), timedelta(days=3)),
    ],
    ids=["26h", "45h", "60h", "weekdays"],
)
@settings(max_examples=25, deadline=None, derandomize=True)
@given(second=st.integers(1, 59), start=DAYS, wait=DAYS)
def test_of_any_other_promise_dagster_raises_no_false_alarm_and_is_not_much_later(
    promise: Freshness, delay: timedelta, second: int, start: timedelta, wait: timedelta
) -> None:
    as_of = datetime(2026, 11, 2, tzinfo=UTC) + start + timedelta(seconds=second)
    now = as_of + wait + timedelta(seconds=30)
    if dagsters(promise, as_of, now) == "late":
        assert ours(promise, as_of, now) == "late"
    elif ours(promise, as_of, now) == "late":
        assert ours(promise, as_of, now - delay) == "fresh"
