"""When a tool may send: local hours of sending turned into UTC moments."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from features.as_of import AsOf
from scoring.channel_terms import per_channel
from scoring.decision_params import DecisionParams


def local_moment(day: Column, hour: Column, time_zone: str) -> Column:
    """The UTC moment at which clocks in `time_zone` show `hour` o'clock on `day`."""
    wall_clock = F.timestamp_seconds(F.unix_date(day).cast("bigint") * 86400 + hour.cast("bigint") * 3600)
    return F.to_utc_timestamp(wall_clock, time_zone)


def with_sending_window(sends: DataFrame, open_rows: DataFrame, params: DecisionParams, as_of: AsOf) -> DataFrame:
    """Adds `send_after, send_before, valid_until` (UTC) to today's sends.

    The window opens on the day of the cut, or on the customer's best weekday if that lies within the sending days
    and the offer; at her best hour if it lies within the channel's sending hours, else at their first. It closes at the
    last sending hour of the last sending day, or of the offer's last day if that is earlier. A decision that a tool
    already holds keeps the window it has, so that the passing of a day changes no row. `valid_until` is the earlier
    of the window's and the offer's end.
    """
    zone, p = as_of.time_zone, params
    today = F.lit(as_of.day)
    wait = F.pmod(F.col("best_weekday") - F.lit(as_of.day.isoweekday()), F.lit(7))
    in_time = (wait < p.send_within_days) & (F.date_add(today, wait.cast("int")) <= F.col("ends_on"))
    first_day = F.when(in_time, F.date_add(today, wait.cast("int"))).otherwise(today)
    hours = {channel: p.sending_hours(channel) for channel in p.channels}
    first_hour = per_channel({c: first for c, (first, _) in hours.items()}, p.sending_hour_from)
    last_hour = per_channel({c: last for c, (_, last) in hours.items()}, p.sending_hour_to)
    hour_fits = F.col("best_hour").between(first_hour, last_hour - 1)
    hour = F.when(hour_fits, F.col("best_hour")).otherwise(first_hour)
    held = open_rows.where(F.col("action") == "send").select("decision_id", F.col("send_after").alias("held_after"))
    opened = F.to_date(F.from_utc_timestamp(F.col("send_after"), zone))
    last_day = F.least(F.date_add(opened, p.send_within_days - 1), F.col("ends_on"))
    offer_end = local_moment(F.date_add(F.col("ends_on"), 1), F.lit(0), zone)
    return (
        sends.join(held, on=["decision_id"], how="left")
        .withColumn("send_after", F.coalesce(F.col("held_after"), local_moment(first_day, hour, zone)))
        .withColumn("send_before", local_moment(last_day, last_hour, zone))
        .withColumn("valid_until", F.least(F.col("send_before"), offer_end))
        .drop("held_after")
    )
