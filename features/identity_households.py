"""Households: customers who share an address or household number. A second level that never merges persons."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from features.as_of import AsOf
from features.components import Graph, raw_components
from features.evidence import Evidence, active_at_end
from features.identity_params import IdentityParams
from features.identity_tables import HOUSEHOLDS
from features.link_strength import bit_names, support
from features.persistent_ids import CustomerIds

Ints = NDArray[np.integer]


def find_households(
    evidence: Evidence, code: Ints, ids: CustomerIds, as_of: AsOf, params: IdentityParams
) -> tuple[pa.Table, list[tuple[int, int]]]:
    """`households` at the cut, and the values left out as too crowded: (value number, accounts).

    `evidence` holds addresses and household numbers only, `code` is each account's customer. A value counts when it is
    on no more accounts than its cap and on no more customers than `household_customers`.
    """
    edges = np.flatnonzero(active_at_end(evidence, as_of.epoch_day, params.expiries()))
    value, account = evidence.value[edges], evidence.account[edges]
    size = len(evidence.value_kind)
    accounts = np.bincount(value, minlength=size)
    pair = np.unique(value * len(ids) + code[account]) if len(edges) else np.empty(0, np.int64)
    value, customer = pair // max(len(ids), 1), pair % max(len(ids), 1)
    customers = np.bincount(value, minlength=size)
    cap = np.asarray(params.caps())[evidence.value_kind] if size else np.empty(0, np.int64)
    crowded = (accounts > cap) | (customers > params.household_customers)
    value, customer = value[~crowded[value]], customer[~crowded[value]]
    names, number = np.unique(customer, return_inverse=True)
    kind = evidence.value_kind[value] if size else value
    graph = Graph(len(names), number, value, kind, np.ones(len(value)))
    label = raw_components(graph)
    table = _table(graph, label, names, ids, as_of, params)
    return table, [(int(v), int(accounts[v])) for v in np.flatnonzero(crowded)]


def _table(
    graph: Graph, label: Ints, customers: Ints, ids: CustomerIds, as_of: AsOf, params: IdentityParams
) -> pa.Table:
    sizes = np.bincount(label, minlength=graph.n_accounts)
    shared = np.flatnonzero(sizes[label] > 1)
    bits = support(graph, label, params.strengths()).bits[shared]
    names = [ids.name(int(c)) for c in customers[shared]]
    smallest: dict[int, str] = {}
    for name, part in zip(names, label[shared].tolist()):
        smallest[part] = min(name, smallest.get(part, name))
    rows = sorted(
        (name, smallest[part], int(sizes[part]), bit_names(int(b)))
        for name, part, b in zip(names, label[shared].tolist(), bits)
    )
    columns = list(zip(*rows)) or [()] * 4
    data = {"as_of": [as_of.day] * len(rows), **dict(zip(HOUSEHOLDS.names[1:], map(list, columns)))}
    return pa.table({n: pa.array(data[n], HOUSEHOLDS.column(n).arrow_type) for n in HOUSEHOLDS.names})
