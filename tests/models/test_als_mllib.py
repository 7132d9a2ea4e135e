"""Factors learned by Spark instead of this process."""

import os
import shutil
import subprocess
import sys
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
from pyspark.sql import DataFrame, SparkSession

from features.as_of import EPOCH
from features.errors import ModelError, SettingsError
from jobs import mllib_trainer as trainer
from jobs.mllib_trainer import mllib_trainer
from jobs.runs import Job
from models import als_mllib
from models.als import AlsModel, AlsParams, as_histories

# in a process of its own: a classic session and the embedded engine cannot share one
LEARN = """
from datetime import date
import numpy as np
from pyspark.sql import SparkSession
from models.als_mllib import collect_mllib_factors
from models.als import AlsParams
conf = {
    "spark.ui.enabled": "false",
    "spark.sql.shuffle.partitions": "1",
    "spark.default.parallelism": "1",
    "spark.driver.host": "127.0.0.1",
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.sql.codegen.wholeStage": "false",
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
}
builder = SparkSession.builder.master("local[1]")
for key, value in conf.items():
    builder = builder.config(key, value)
spark = builder.getOrCreate()
rows = [(f"c{c}", f"p{p}", date(2017, 1, 1 + c % 9), 1) for c in range(20) for p in range(4) if p // 2 == c % 2]
rows.append(("c0", "late", date(2017, 2, 1), 1))
days = spark.createDataFrame(rows, "customer_id string, product_id string, day date, orders int")
params = AlsParams(factors=2, iterations=3, bias=False, trainer="mllib", mllib_regularization=0.01)
model = collect_mllib_factors(days, date(2017, 2, 1), params, blocks=1)
assert model.products.tolist() == ["p0", "p1", "p2", "p3"]
unit = model.item_factors / np.linalg.norm(model.item_factors, axis=1, keepdims=True)
near = unit @ unit.T
assert near[0, 1] > 0.99 and near[2, 3] > 0.99 and abs(near[0, 2]) < 0.5, near
spark.stop()
print("learned")
"""


@pytest.mark.spark
@pytest.mark.skipif(shutil.which("java") is None, reason="needs Java")
def test_items_bought_together_are_near(tmp_path: Path) -> None:
    """Two groups of customers with two products each: factors of a group's products point the same way, and what is
    bought on the day of the cut teaches nothing."""
    # without what the embedded engine of this process has set
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("SPARK_", "PYSPARK_"))}
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", LEARN], cwd=root, env=plain, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.splitlines()[-1] == "learned"


def test_other_engines_say_what_to_do() -> None:
    """On the embedded engine the setting is an error that names the way out; without it there is no such trainer."""
    als = AlsParams(bias=False, trainer="mllib")
    settings = SimpleNamespace(recommender=SimpleNamespace(als=als))
    job = SimpleNamespace(settings=settings, engine=SimpleNamespace(name="embedded"))
    with pytest.raises(SettingsError, match="needs engine: spark"):
        mllib_trainer(cast(Job, job))
    settings.recommender.als = AlsParams()
    assert mllib_trainer(cast(Job, job)) is None


def test_what_was_delivered_later_teaches_nothing(spark: SparkSession, monkeypatch: pytest.MonkeyPatch) -> None:
    """A purchase before an earlier cut that was known only after it is not among those learned from at that cut."""
    cut = date(2017, 2, 1)
    rows = [
        ("c", "known", date(2017, 1, 2), date(2017, 1, 31), 1),
        ("c", "late", date(2017, 1, 2), cut, 1),
        ("c", "after", cut, cut, 1),
    ]
    days = spark.createDataFrame(rows, "customer_id string, product_id string, day date, known_day date, orders int")

    def collect(seen: DataFrame, day: date, als: AlsParams) -> AlsModel:
        lists = as_histories(seen, day, als).collect()
        ids = sorted({product for row in lists for product in row.product_ids})
        return AlsModel(als, np.array(ids, dtype=object), np.ones((len(ids), als.columns), dtype=np.float32))

    monkeypatch.setattr(als_mllib, "collect_mllib_factors", collect)
    monkeypatch.setattr(trainer, "read_logs", lambda job: SimpleNamespace(purchases=days))
    als = AlsParams(factors=2, bias=False, trainer="mllib")
    job = SimpleNamespace(
        settings=SimpleNamespace(recommender=SimpleNamespace(als=als)),
        engine=SimpleNamespace(name="spark"),
        write_read=lambda name, df: df,
    )
    train = mllib_trainer(cast(Job, job))
    assert train is not None
    assert train((cut - EPOCH).days)[0].tolist() == ["known"]
    assert train((cut - EPOCH).days + 1)[0].tolist() == ["after", "known", "late"]


def test_bias_columns_are_refused() -> None:
    """MLlib has none, and says so when settings are read."""
    with pytest.raises(ModelError, match=r"als\.bias: false"):
        AlsParams(trainer="mllib")
