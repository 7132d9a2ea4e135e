"""Figures of bench_signals: ranking by whom it is for, recall of sources, whether tags say what they seem to."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recommend.candidates import SOURCES
from recommend.catalogue import Catalogue
from recommend.dealings import Dealings
from recommend.histories import Histories, bought_between, histories_before, is_in
from recommend.list_params import CandidateParams
from recommend.metrics import bootstrap_interval
from recommend.runs import run_starts
from recommend.signals import build_tagged
from recommend.sources import event
from recommend.sources.context import Context
from recommend.sources.event_lifts import LATELY
from recommend.sources.live_tags import TagTable, live_tags
from scoring.second_stage import Scored
from scoring.stage_gate import list_metrics, own_keys

HORIZON = 28
AGAINST = {"+ views, tags all": "+ views", "+ views, tags targeting": "+ views"}  # beside purchases alone
Values = dict[tuple[str, str], NDArray[np.float64]]


def measure(scored: Scored, h: Histories, truth: NDArray, tagged: NDArray[np.bool_], event: NDArray) -> Values:
    """Recall and NDCG at 10 per customer: all, explore, the same of customers with a tag from posts or networks and of
    those with a life event at the cut, and of those who are new (no purchase before the cut)."""
    found, owned = scored.candidates, own_keys(h)
    has_history = np.zeros(h.n, dtype=bool)
    has_history[h.customer] = True
    who = truth // h.n_items
    old, new = has_history[who], ~is_in(owned, truth)
    every = np.ones(len(found.item), dtype=bool)
    tasks = {
        "all": (truth[old], every),
        "explore": (truth[old & new], ~found.owned),
        "all, with a tag": (truth[old & tagged[who]], every),
        "explore, with a tag": (truth[old & new & tagged[who]], ~found.owned),
        "all, life event": (truth[old & event[who]], every),
        "explore, life event": (truth[old & new & event[who]], ~found.owned),
        "no purchase yet": (truth[~old], every),
    }
    out: Values = {}
    for task, (wanted, rows) in tasks.items():
        lists = (found.customer[rows], found.item[rows], scored.raw[rows])
        out |= {(task, metric): v for metric, v in list_metrics(*lists, wanted, h.n, h.n_items).items()}
    return out


def with_tags(data: Dealings, cut: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """(n customers,) whether posts or networks had told anything of them before the cut, and whether a life event that
    posts told counts at it."""
    log = data.tags.before(cut)
    names = [str(t) for t in log.products]
    says = np.array([n.startswith(("post:", "given:")) for n in names], dtype=bool)
    told = np.bincount(log.customer[says[log.product]], minlength=data.n_customers) > 0
    tagged = build_tagged(cut, log.customer, log.product, log.day, log.amount)
    live = live_tags(tagged, TagTable.of(Context(log.products, data.rules)))
    stage = np.array([n.startswith("post:") and "@" in n for n in names], dtype=bool)
    return told, np.bincount(live.customer[stage[live.tag]], minlength=data.n_customers) > 0


def tag_lifts(data: Dealings, catalogue: Catalogue, cuts: list[int]) -> pd.DataFrame:
    """Whether tags say what they seem to: pairs of customer with tags and category not bought in lately, by the log
    lift that is told of them before the cut; how many took the category up after it, and how many would have, if they
    had done as all customers did."""
    rows = []
    _, group, names = event.groups_of(catalogue)
    for cut in cuts:
        h = histories_before(data, catalogue, cut)
        parts = event.fit(h, catalogue, CandidateParams(), Context(data.tags.products, data.rules))
        table = TagTable.open(parts, event.NAME)
        live = live_tags(h.tagged, table)
        known = np.zeros(h.n, dtype=bool)
        known[h.customer] = True
        use = table.proposes[live.tag] & known[live.customer]
        customer, tag, weight = live.customer[use], live.tag[use], live.weight[use]
        start = run_starts(customer)
        said = np.maximum.reduceat(weight[:, None] * parts["event.lift"][tag].astype(np.float64), start, axis=0)
        who, item = np.divmod(bought_between(data, catalogue, cut, cut + HORIZON), len(catalogue))
        taken, lately = np.zeros((h.n, len(names)), dtype=bool), np.zeros((h.n, len(names)), dtype=bool)
        taken[who, group[item]] = True
        recent = h.age <= LATELY
        lately[h.customer[recent], group[h.item[recent]]] = True
        base = (taken & ~lately)[known].sum(axis=0) / np.maximum((~lately)[known].sum(axis=0), 1)
        mine = customer[start]
        for low, high in pairwise((-np.inf, -0.1, 0.1, 0.3, 0.6, np.inf)):
            pairs = (said > low) & (said <= high) & ~lately[mine]
            expected = float((np.broadcast_to(base, pairs.shape) * pairs).sum())
            rows.append((low, int(pairs.sum()), int((taken[mine] & pairs).sum()), expected))
    found = pd.DataFrame(rows, columns=["log_lift_above", "pairs", "taken_up", "expected"])
    found = found.groupby("log_lift_above").sum().reset_index()
    return found.assign(ratio=found.taken_up / found.expected).round(2)


def source_recall(scored: Scored, h: Histories, truth: NDArray, chosen: NDArray[np.bool_]) -> pd.DataFrame:
    """Of what the chosen customers bought for the first time, the share among the candidates of each source, mean over
    customers with a history."""
    found, owned, n_items = scored.candidates, own_keys(h), h.n_items
    truth = truth[chosen[truth // n_items]]
    new = truth[~is_in(owned, truth) & is_in(np.unique(owned // n_items), truth // n_items)]
    key = found.customer * n_items + found.item
    who, wanted = np.unique(new // n_items, return_counts=True)
    rows = []
    for name, mine in [*zip(SOURCES, found.source.T, strict=True), ("together", np.ones(len(key), dtype=bool))]:
        hit = is_in(np.sort(key[mine]), new)
        mine = mine & chosen[found.customer]
        got = np.bincount(np.searchsorted(who, new[hit] // n_items), minlength=len(who))
        each = mine.sum() / max(len(np.unique(found.customer[mine])), 1)
        rows.append({"source": name, "per_customer": round(each, 1), "recall": round(float((got / wanted).mean()), 4)})
    return pd.DataFrame(rows)


def differences(values: dict[str, Values]) -> list[dict[str, object]]:
    """Means of each arm, and paired differences to purchases alone and to what it adds to; customers of several cuts
    count once per cut."""
    rows: list[dict[str, object]] = []
    for name, found in values.items():
        for base in dict.fromkeys(("purchases", AGAINST.get(name, "purchases"))):
            for (task, metric), v in found.items():
                known = int((~np.isnan(v)).sum())
                row = {"arm": name, "task": task, "metric": metric, "customers": known, "mean": np.nanmean(v)}
                if name != base and base in values:
                    gap = bootstrap_interval(v - values[base][task, metric])
                    row |= {"against": base, "difference": gap.mean, "low": gap.low, "high": gap.high}
                rows.append(row)
    return rows
