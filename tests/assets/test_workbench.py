"""What the steps of one run work with: opened once, and given back whatever went wrong."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from company import Parent, Scripted, lake_in, run_of
from houses import House, plain

from tilth.assets.lake import Lake
from tilth.assets.lease import holder_of
from tilth.assets.resources import Journal, Workbench
from tilth.errors import ReleaseError


@dataclass
class Project:
    """As much of a project as a run needs to begin."""

    opened: Lake

    def lake(self) -> Lake:
        return self.opened

    def connector(self, name: str) -> Any:
        raise NotImplementedError(name)

    def contract(self, declaration: object) -> Any:
        raise NotImplementedError(declaration)

    def deliver(self) -> None:
        """There is nothing to deliver."""


def test_every_step_of_a_run_that_cannot_be_set_right_says_why_and_none_keeps_the_lease(tmp_path: Path) -> None:
    house = House(lake_in(tmp_path))
    house.tables["parents"] = (plain("parents"), Parent)
    house.ingest("parents", Scripted([{"id": 1, "content": 1}], {"id": pa.int64(), "content": pa.int64()}))
    house.publish()
    curated = house.lake.curated
    curated.rename(tmp_path / "aside")
    bench = Workbench(Project(house.lake), run_of(9), Journal(), whole=False, leased=False)
    for _ in range(2):
        with pytest.raises(ReleaseError, match="the curated file is gone"):
            bench.lake("ingest")
        assert holder_of(house.lake.state) is None
    (tmp_path / "aside").rename(curated)
    assert bench.lake("ingest") is house.lake
    assert holder_of(house.lake.state) is not None
    bench.close()
    assert holder_of(house.lake.state) is None
