"""What contacting an audience is worth: a channel per customer, reach by channel, and the curve of its size.

The value of a contact is an expected incremental profit: margin that would not come without it, less its cost, less
p_unsubscribe x lifetime value at stake. Of an offer (and of a tag, by the kind of offer that is worth most) it is the
priority of `scoring/priority.py`, measured where an experiment was held. Of a product or category without an offer
nothing was ever measured: it is P(opens) x p_buy x assumed incrementality x margin of a purchase of the subject itself,
and its basis says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from features.audience_tables import AUDIENCE_REACH
from recommend.runs import run_starts
from scoring.decision_params import DecisionParams

Floats = NDArray[np.float64]
BASES = ("randomised", "prior", "none")
WHY = ("no_address", "no_consent", "unsubscribed")


@dataclass(frozen=True)
class Contacts:
    """The ways to contact each customer of an audience, one element per customer and channel.

    `customer` is a position in the audience (by rank), `channel` a name; `reachable` 1, 0, or -1 where not known;
    `why` what closes the channel, or ""; `value`, `cost` per contact (nan without one), `basis` one of `BASES`;
    `p_response` nan where not known; `held_back_by` "" or the rule of the contact policy.
    """

    customer: NDArray[np.int64]
    channel: NDArray[np.object_]
    reachable: NDArray[np.int64]
    why: NDArray[np.object_]
    value: Floats
    cost: Floats
    basis: NDArray[np.object_]
    p_response: Floats
    held_back_by: NDArray[np.object_]

    def of_customers(self, kept: NDArray[np.int64]) -> Contacts:
        """The contacts of the customers at the sorted positions `kept`, renumbered."""
        mine = np.isin(self.customer, kept)
        found = Contacts(**{name: values[mine] for name, values in vars(self).items()})
        return replace(found, customer=np.searchsorted(kept, found.customer).astype(np.int64))


def as_contacts(customers: NDArray[np.object_], options: pa.Table) -> Contacts:
    """`Contacts` from rows (customer_id, channel, reachable, unreachable_because, value, cost, value_basis, p_response,
    held_back_by) of the customers in the order of their ranks."""
    place = {c: i for i, c in enumerate(customers)}
    who = np.fromiter((place[c] for c in options["customer_id"].to_pylist()), np.int64, options.num_rows)
    channel = _objects(options["channel"])
    order = np.lexsort((channel.astype(str), who))
    state = pc.fill_null(options["reachable"].cast(pa.int64()), -1).to_numpy()
    found = Contacts(
        who,
        channel,
        state,
        _objects(options["unreachable_because"]),
        _floats(options["value"]),
        _floats(options["cost"]),
        _objects(options["value_basis"]),
        _floats(options["p_response"]),
        _objects(options["held_back_by"]),
    )
    return Contacts(**{name: values[order] for name, values in vars(found).items()})


def _objects(column: pa.ChunkedArray) -> NDArray[np.object_]:
    return np.array(["" if v is None else v for v in column.to_pylist()], dtype=object)


def _floats(column: pa.ChunkedArray) -> Floats:
    return np.array([np.nan if v is None else float(v) for v in column.to_pylist()], dtype=np.float64)


def with_purchase_value(
    contacts: Contacts, score: Floats, p_open: Floats, p_unsubscribe: Floats, margin: float, params: DecisionParams
) -> Contacts:
    """Values of contacts about a product or category: by assumption, for nobody was ever held out of them.

    `score` is P(buys) by customer position; `p_open` and `p_unsubscribe` by contact, nan where nothing is known (then
    the message is taken to be seen, and nobody to leave). `margin` is that of one purchase of the subject.
    """
    prior = params.incrementality_prior if params.count_incrementality else 1.0
    seen = np.where(np.isnan(p_open), 1.0, p_open)
    at_stake = params.remaining_lifetime_value if params.count_unsubscribe else 0.0
    cost = np.array([params.contact_cost.get(c, params.contact_cost_default) for c in contacts.channel], dtype=float)
    counted = cost if params.count_contact_cost else 0.0 * cost
    value = seen * score[contacts.customer] * prior * margin - counted
    value = value - np.where(np.isnan(p_unsubscribe), 0.0, p_unsubscribe) * at_stake
    basis = np.full(len(cost), "prior" if params.count_incrementality else "none", dtype=object)
    return replace(contacts, value=np.round(value, 6), cost=cost, basis=basis)


def best_contacts(contacts: Contacts, n: int) -> NDArray[np.int64]:
    """(n,) per customer the open contact with the largest value, ties by channel; -1 where no channel is open.

    A channel of unknown reach is open: what is not known does not stop a contact. Contacts without a value come last.
    """
    open_ones = np.flatnonzero(contacts.reachable != 0)
    value = np.where(np.isnan(contacts.value), -np.inf, contacts.value)[open_ones]
    # contacts are sorted by customer and channel, so a stable sort breaks ties by channel
    order = open_ones[np.lexsort((-value, contacts.customer[open_ones]))]
    first = order[run_starts(contacts.customer[order])]
    out = np.full(n, -1, dtype=np.int64)
    out[contacts.customer[first]] = first
    return out


def size_that_pays(value: Floats, params_size: int) -> int:
    """Rank of the last customer whose contact is expected to pay, at most `params_size`; 0 when none is."""
    paying = np.flatnonzero(np.nan_to_num(value, nan=-1.0) > 0)
    return min(int(paying[-1]) + 1, params_size) if len(paying) else 0


def reach_rows(contacts: Contacts, best: NDArray[np.int64]) -> list[dict[str, Any]]:
    """Counts per channel over all customers of the audience, without the key columns of `AUDIENCE_REACH`."""
    rows = []
    chosen = contacts.channel[best[best >= 0]]
    for channel in sorted(set(contacts.channel)):
        mine = contacts.channel == channel
        state, why = contacts.reachable[mine], contacts.why[mine]
        known = contacts.cost[mine]
        cost = float(known[~np.isnan(known)][0]) if bool((~np.isnan(known)).any()) else 0.0
        n = int((chosen == channel).sum())
        row = {"channel": channel, "reachable": int((state == 1).sum()), "unknown": int((state == -1).sum())}
        row |= {name: int(((why == name) & (state == 0)).sum()) for name in WHY}
        row |= {"closed": int((state == 0).sum()), "chosen": n, "contact_cost": cost, "cost": round(cost * n, 2)}
        rows.append(row)
    assert all(set(r) < set(AUDIENCE_REACH.names) for r in rows)
    return rows


def curve_rows(contacts: Contacts, best: NDArray[np.int64], score: Floats, points: int) -> list[dict[str, Any]]:
    """Sums over the best customers by rank at growing sizes, without the key columns of `AUDIENCE_CURVE`.

    A customer whom nobody reaches adds to the size and the expectation, and nothing to the value.
    """
    n = len(best)
    if n == 0:
        return []
    reached = best >= 0
    value = np.where(reached, np.nan_to_num(contacts.value[best]), 0.0)
    basis = np.where(reached, contacts.basis[best], "")
    sums: Mapping[str, Floats] = {
        "expected": np.cumsum(score),
        **{f"value_{b}": np.cumsum(np.where(basis == b, value, 0.0)) for b in BASES},
        "cost": np.cumsum(np.where(reached, np.nan_to_num(contacts.cost[best]), 0.0)),
    }
    held = np.cumsum(reached & (contacts.held_back_by[best] != ""))
    total = np.cumsum(value)
    top = int(np.argmax(total)) + 1
    sizes = np.arange(1, n + 1) if n <= points else np.round(np.geomspace(1, n, points)).astype(np.int64)
    sizes = np.union1d(sizes, [top, n])
    return [
        {
            "size": int(s),
            "reached": int(reached[:s].sum()),
            "held_back": int(held[s - 1]),
            **{name: round(float(v[s - 1]), 2 if name == "cost" else 6) for name, v in sums.items()},
            "is_best": bool(s == top and total[top - 1] > 0),
        }
        for s in sizes
    ]
