"""The step that writes the feature snapshot."""

import json
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from features.as_of import OPEN_START, AsOf
from features.errors import DataError
from features.output_tables import CUSTOMER_MAP
from jobs import build_features
from jobs.contracts import all_contracts
from jobs.runs import execute
from jobs.session import Engine
from jobs.settings import load_settings
from jobs.tables import Lake
from jobs.tracking import Tracking
from tests.small_sources import SMALL_AS_OF, SMALL_TIME_ZONE, small_sources


class World:
    """A lake that holds the small shop, and the step."""

    def __init__(self, root: Path, engine: Engine, **changed: pa.Table) -> None:
        self.lake = Lake(root, all_contracts())
        self.lake.check_writable()
        self.engine = engine
        self.settings = load_settings(None, {"lake": str(root), "time_zone": SMALL_TIME_ZONE})
        self.tracking = Tracking(None, root)
        tables = {n: t for n, t in small_sources().items() if n in ("transactions", "products", "customers")} | changed
        accounts = sorted(set(tables["transactions"]["account_id"].to_pylist()))
        links = [{"account_id": a, "customer_id": a, "valid_from": OPEN_START} for a in accounts]
        tables["customer_map"] = pa.Table.from_pylist(links, schema=CUSTOMER_MAP.arrow_schema())
        for name, table in tables.items():
            staged = self.lake.stage(name, table, f"in-{name}", None)
            self.lake.publish(staged, run_id="x", step="test", attempt_id="x")

    def execute(self, day: date) -> Any:
        """Runs the step at a cut."""
        cut = AsOf(day, SMALL_TIME_ZONE)
        return execute(build_features, self.settings, cut, self.engine, self.lake, self.tracking)


def test_writes_three_audited_tables(tmp_path: Path, engine: Engine, capsys: pytest.CaptureFixture[str]) -> None:
    """Every customer with an order has one row; an empty source column is reported with what it switches off."""
    table = small_sources()["products"]
    index = table.schema.get_field_index("own_brand")
    unlabelled = table.set_column(index, "own_brand", pa.nulls(table.num_rows, pa.bool_()))
    world = World(tmp_path, engine, products=unlabelled)
    world.execute(SMALL_AS_OF)
    rows = world.lake.arrow("customer_features", as_of=SMALL_AS_OF).to_pylist()
    assert len({r["customer_id"] for r in rows}) == len(rows) == 60
    assert all(r["own_brand_share"] is None for r in rows)
    assert world.lake.arrow("customer_category_features").num_rows > 100
    assert set(world.lake.arrow("feature_parameters")["feature"].to_pylist()) >= {"r_score", "category_share"}
    said = capsys.readouterr().out
    assert "switched off own_brand_share (C categories and brands): products.own_brand is empty" in said
    assert json.loads(world.lake.arrow("runs").to_pylist()[-1]["counts"])["customers"] == 60


def test_a_cut_before_all_data_is_refused(tmp_path: Path, engine: Engine) -> None:
    """With nothing known before the cut the step fails, and says what to choose."""
    world = World(tmp_path, engine, customers=small_sources()["customers"].slice(0, 0))
    with pytest.raises(DataError, match="no customer has an order known before 2017-01-01; choose a later --as-of"):
        world.execute(date(2017, 1, 1))
    assert world.lake.table("customer_features") is None


def test_parameters_are_part_of_the_spec() -> None:
    """Another half-life is another spec; the same parameters give the same hash."""
    from features.catalogue import spec_hash
    from features.definitions import FeatureParams

    assert spec_hash(FeatureParams()) == spec_hash(FeatureParams())
    assert spec_hash(FeatureParams()) != spec_hash(replace(FeatureParams(), buy_weight=4.0))
