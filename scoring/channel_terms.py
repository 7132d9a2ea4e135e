"""Terms of the channels: the source table laid over the settings, and per-channel values as columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from pyspark.sql import Column
from pyspark.sql import functions as F

from features.errors import DataError
from scoring.decision_params import ChannelTerms, DecisionParams

FIELDS = ("address_kind", "contact_cost", "daily_capacity", "monthly_limit", "hour_from", "hour_to")


def with_channel_terms(params: DecisionParams, rows: Iterable[Mapping[str, Any]]) -> DecisionParams:
    """Settings in which what the rows of the source table `channels` say stands; what they leave null stays.

    Costs and address kinds also take the place of `contact_cost` and `address_kind`. `DataError` when a channel's
    sending hours are none.
    """
    channels = dict(params.channels)
    for row in rows:
        said = {f: row[f] for f in FIELDS if row[f] is not None}
        if "contact_cost" in said:
            said["contact_cost"] = float(said["contact_cost"])
        terms = replace(channels.get(row["channel"], ChannelTerms()), **said)
        first = params.sending_hour_from if terms.hour_from is None else terms.hour_from
        last = params.sending_hour_to if terms.hour_to is None else terms.hour_to
        if first >= last:
            raise DataError(f"channels: {row['channel']} sends from hour {first} to {last}: hour_to must be later")
        channels[row["channel"]] = terms
    costs = {c: t.contact_cost for c, t in channels.items() if t.contact_cost is not None}
    kinds = {c: t.address_kind for c, t in channels.items() if t.address_kind is not None}
    return replace(
        params,
        channels=channels,
        contact_cost=params.contact_cost | costs,
        address_kind=params.address_kind | kinds,
    )


def per_channel(values: Mapping[str, Any], default: Any) -> Column:
    """The value of the row's `channel`, `default` for one that is not listed (None gives null)."""
    column = F.lit(default)
    for channel, value in sorted(values.items()):
        column = F.when(F.col("channel") == channel, F.lit(value)).otherwise(column)
    return column
