"""Who lives on in whom, when accounts moved between two snapshots."""

from pyspark.sql import DataFrame, SparkSession

from features.cube.lineage import as_lineage


def accounts(spark: SparkSession, **owners: str) -> DataFrame:
    """account -> customer, at one cut."""
    return spark.createDataFrame(list(owners.items()), "account_id string, customer_id string")


def customers(spark: SparkSession, ids: str) -> DataFrame:
    """A population."""
    return spark.createDataFrame([(i,) for i in ids.split()], "customer_id string")


def test_merges_splits_and_those_who_stay(spark: SparkSession) -> None:
    """One continues, the rest of a merge has merged; a part that leaves has split; new and gone have no row."""
    before = accounts(spark, a1="A", a2="B", a3="C", a4="C", a5="D", a6="F", a7="G", a8="H")
    after = accounts(spark, a1="A", a2="A", a3="C", a4="E", a5="D", a6="X", a7="Y", a8="Y", a9="N")
    found = as_lineage(
        customers(spark, "A B C D F G H gone same"), customers(spark, "A C D E X Y N same"), before, after
    )
    assert {(r["old_id"], r["new_id"], r["link"]) for r in found.collect()} == {
        ("A", "A", "continues"),
        ("B", "A", "merged"),  # its account is A's now
        ("C", "C", "continues"),  # one account each: the id decides
        ("C", "E", "split"),
        ("D", "D", "continues"),
        ("F", "X", "continues"),  # a new id for the same accounts is nobody new
        ("G", "Y", "continues"),  # equals: the smaller id
        ("H", "Y", "merged"),
        ("same", "same", "continues"),  # in no account any more, but under the same id
    }
