"""What account holders state of themselves, for fuzzy matching only: it goes into no table."""

from __future__ import annotations

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from features.as_of import AsOf

_TEXT = ("full_name", "birth_date", "postcode", "city")
# surnames of two characters
_DOUBLE_TEXT = "欧阳司马上官诸葛东方皇甫尉迟公孙慕容令狐司徒夏侯宇文端木歐陽司馬諸葛尉遲公孫"
_DOUBLE = frozenset(_DOUBLE_TEXT[i : i + 2] for i in range(0, len(_DOUBLE_TEXT), 2))


def as_profiles(customers: DataFrame, accounts: DataFrame | None, as_of: AsOf) -> DataFrame:
    """One row per account with something stated before the cut, all as strings.

    Columns: account_id, full_name, birth_date, postcode, city, phone_hash, email_hash (the smallest of an account's
    valid values; null without `accounts`).
    """
    cut = F.lit(as_of.ts)
    stated = customers.where(F.col("available_ts").isNull() | (F.col("available_ts") < cut)).groupBy("account_id")
    profiles = stated.agg(*(F.min(F.col(name).cast("string")).alias(name) for name in _TEXT))
    if accounts is None:
        none = F.lit(None).cast("string")
        return profiles.withColumn("phone_hash", none).withColumn("email_hash", none)
    known = accounts.where(
        F.col("identifier_kind").isin("phone", "email")
        & (F.coalesce(F.col("identifier_state"), F.lit("ok")) == "ok")
        & (F.col("event_ts") < cut)
        & (F.coalesce(F.col("available_ts"), F.col("event_ts")) < cut)
    )
    values = known.groupBy("account_id").agg(
        *(
            F.min(F.when(F.col("identifier_kind") == k, F.col("identifier"))).alias(f"{k}_hash")
            for k in ("phone", "email")
        )
    )
    return profiles.join(values, "account_id", how="left")


def with_name_parts(profiles: pa.Table) -> pa.Table:
    """Replaces `full_name` by `surname` and `given_name`; Chinese names start with the surname, others end with it."""
    names = [split_name(n) for n in profiles["full_name"].to_pylist()]
    table = profiles.drop_columns(["full_name"])
    for i, part in enumerate(("surname", "given_name")):
        table = table.append_column(part, pa.array([n[i] for n in names], pa.string()))
    return table


def split_name(name: str | None) -> tuple[str | None, str | None]:
    """Surname and given name.

    >>> split_name("王小明"), split_name("欧阳娜娜"), split_name("Ann Lee Smith"), split_name("Madonna")
    (('王', '小明'), ('欧阳', '娜娜'), ('Smith', 'Ann Lee'), ('Madonna', None))
    """
    name = (name or "").strip()
    if not name:
        return None, None
    if "\u4e00" <= name[0] <= "\u9fff" and " " not in name:
        size = 2 if name[:2] in _DOUBLE and len(name) > 2 else 1
        return name[:size], name[size:] or None
    given, _, surname = name.rpartition(" ")
    return surname, given.strip() or None
