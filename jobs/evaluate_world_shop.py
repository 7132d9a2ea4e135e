"""What the lake knows at the cut, brought to the persons of a world: features, scores, decisions."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from features.as_of import AsOf
from features.errors import DataError
from jobs.console import say
from jobs.evaluate_world_inputs import Standing
from jobs.evaluate_world_policies import Shop
from jobs.simulate.model import CHANNELS
from jobs.simulate.play import Plan
from jobs.tables import Lake
from scoring.funnel import SENT

DECIDED_LATER = ["value", "allocation", "arms", SENT]  # stages after the rules of contact
NEEDED = (
    "customer_map",
    "customer_features",
    "customer_category_features",
    "channel_scores",
    "offer_scores",
    "decision_trace",
    "next_best_offers",
)


def read_shop(lake: Lake, as_of: AsOf, owner: pd.Series, s: Standing) -> Shop:
    """The lake's tables of the day, by position in the world; `DataError` names those that are not there.

    Where a person is several customers to the shop, the one with most orders speaks for her features.
    """
    missing = [t for t in NEEDED if lake.table(t) is None]
    missing += [f"{t} as of {as_of.day}" for t in NEEDED[1:] if t not in missing and as_of.day not in lake.dates(t)]
    if missing:
        raise DataError(
            f"lake {lake.root} lacks {', '.join(missing)}; `nextbest run --as-of {as_of.day}` on the world writes them"
        )
    return Shop(
        _features(lake, as_of, owner, s), _scores(lake, as_of, owner, s), _bought(lake, as_of, owner, s),
        _opens(lake, as_of, owner, s), _candidates(lake, as_of, owner, s), _decisions(lake, as_of, owner, s),
    )  # fmt: skip


def _features(lake: Lake, as_of: AsOf, owner: pd.Series, s: Standing) -> pd.DataFrame:
    table = lake.arrow("customer_features", as_of=as_of.day).to_pandas()
    table["person"] = table.customer_id.map(owner)
    table = table[table.person.notna()].sort_values(
        ["person", "n_orders_l", "customer_id"], ascending=[True, False, True]
    )
    table = table.drop_duplicates("person").set_index("person")
    numbers = table.select_dtypes(include=["number", "bool"]).astype(float)
    money = [c for c in table.columns if c.startswith(("net_amt", "aov", "max_order_amt", "line_amt"))]
    numbers = numbers.join(table[[c for c in money if c not in numbers]].astype(float))
    return numbers.reindex(np.arange(s.n))


def _scores(lake: Lake, as_of: AsOf, owner: pd.Series, s: Standing) -> pd.DataFrame:
    columns = ["customer_id", "offer_id", "offer_kind", "channel", "p_response"]
    table = lake.arrow("offer_scores", as_of=as_of.day).select(columns).to_pandas()
    table = _coded(table.assign(channel_name=table.channel), owner, s)
    table["margin"] = pd.MultiIndex.from_frame(table[["channel_name", "offer_kind"]]).map(_margins(lake, as_of))
    return table.groupby(["person", "offer", "channel"], as_index=False)[["p_response", "margin"]].max()


def _margins(lake: Lake, as_of: AsOf) -> dict[tuple[str, str], float]:
    """Margin of one response by (channel, offer kind), as decisions count it."""
    if lake.table("contact_effects") is None or as_of.day not in lake.dates("contact_effects"):
        return {}
    rows = lake.arrow("contact_effects", as_of=as_of.day).to_pylist()
    return {(r["channel"], r["offer_kind"]): r["response_margin"] for r in rows}


def _bought(lake: Lake, as_of: AsOf, owner: pd.Series, s: Standing) -> np.ndarray:  # type: ignore[type-arg]
    columns = ["customer_id", "category", "n_orders_365"]
    table = lake.arrow("customer_category_features", as_of=as_of.day).select(columns).to_pandas()
    code = {name: i for i, name in enumerate(s.world.catalogue.category)}
    table["person"], table["code"] = table.customer_id.map(owner), table.category.map(code)
    table = table[table.person.notna() & table.code.notna() & (table.n_orders_365 > 0)]
    bought = np.zeros((s.n, len(code)))
    np.add.at(bought, (table.person.astype(int), table.code.astype(int)), table.n_orders_365.astype(float))
    return bought


def _opens(lake: Lake, as_of: AsOf, owner: pd.Series, s: Standing) -> pd.DataFrame:
    columns = ["customer_id", "channel", "p_open", "fatigue"]
    table = lake.arrow("channel_scores", as_of=as_of.day).select(columns).to_pandas()
    codes = {name: i for i, name in enumerate(CHANNELS)}
    table = table.assign(person=table.customer_id.map(owner), channel=table.channel.map(codes))
    table = table[table.person.notna() & table.channel.notna()].astype({"person": np.int64, "channel": np.int64})
    return table.groupby(["person", "channel"], as_index=False)[["p_open", "fatigue"]].max()


def _candidates(lake: Lake, as_of: AsOf, owner: pd.Series, s: Standing) -> pd.DataFrame:
    """Candidates that the rules of eligibility and contact let through: those that value, money or arms decided on."""
    columns = ["customer_id", "offer_id", "channel", "stage"]
    table = lake.arrow("decision_trace", as_of=as_of.day).select(columns)
    table = table.filter(pc.is_in(table["stage"], pa.array(DECIDED_LATER)))
    return _coded(table.to_pandas(), owner, s)[["person", "offer", "channel"]].drop_duplicates()


def _decisions(lake: Lake, as_of: AsOf, owner: pd.Series, s: Standing) -> Plan:
    """The send rows, each at the start of its window; several customers of one person are all contacted."""
    table = lake.arrow("next_best_offers", as_of=as_of.day).to_pandas()
    table = _coded(table[table.action == "send"], owner, s)
    local = table.send_after.dt.tz_convert(as_of.time_zone)
    # a decision that a tool holds since an earlier run goes out today at the latest
    offset = (local.dt.date - as_of.day).map(lambda d: max(0, d.days)) if len(table) else pd.Series(dtype=int)
    return Plan(
        person=table.person.to_numpy(np.int64),
        day=(s.day + offset).to_numpy(np.int32),
        offer=table.offer.to_numpy(np.int32),
        channel=table.channel.to_numpy(np.int8),
        minute=(local.dt.hour * 60 + local.dt.minute).to_numpy(np.int16),
    )


def _coded(table: pd.DataFrame, owner: pd.Series, s: Standing) -> pd.DataFrame:
    offers = {name: i for i, name in enumerate(s.world.offers.offer_id)}
    channels = {name: i for i, name in enumerate(CHANNELS)}
    table = table.assign(
        person=table.customer_id.map(owner), offer=table.offer_id.map(offers), channel=table.channel.map(channels)
    )
    known = table.person.notna() & table.offer.notna() & table.channel.notna()
    if (~known).any():
        say(f"  {int((~known).sum()):,} rows left out: accounts that belong to nobody, or offers the world lacks")
    table = table[known]
    return table.astype({"person": np.int64, "offer": np.int64, "channel": np.int64})
