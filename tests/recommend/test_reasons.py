"""Reasons: true, in words, for every row."""

import numpy as np

from recommend.candidates import build_candidates
from recommend.catalogue import as_objects
from recommend.histories import Histories, histories_before
from recommend.pair_features import FEATURES, pair_features
from recommend.reasons import ENGLISH, READ, RowFacts, cite_evidence, write_reasons
from tests.recommend.shop import CUT, shelf, shop, sources_at


def without(h: Histories, customer: int, items: list[int]) -> Histories:
    """The histories without these purchases."""
    from recommend.histories import build_histories

    keep = ~((h.customer == customer) & np.isin(h.item, items))
    columns = (h.customer, h.item, h.cut - h.age, h.orders, h.quantity, h.amount)
    return build_histories(h.customers, h.n_items, h.cut, *(c[keep] for c in columns))


def test_cited_purchases_carry_the_row() -> None:
    """Taking the cited purchases away lowers the item-item score more than taking away as many others."""
    data = shop()
    h, sources = histories_before(data, shelf(data), CUT), sources_at(data, shelf(data), CUT)
    found = build_candidates(h, sources)
    rng, cited_drop, random_drop = np.random.default_rng(0), [], []
    rows = np.flatnonzero(~found.owned & (found.scores["similar"] > 0))[:60]
    evidence = cite_evidence(h, sources, found.customer[rows], found.item[rows], np.ones(len(rows), bool))
    for row, cited in zip(rows, evidence):
        c, i = int(found.customer[row]), int(found.item[row])
        others = sorted(set(h.item[h.customer == c].tolist()) - set(cited))
        for drops, gone in ((cited_drop, cited), (random_drop, rng.choice(others, len(cited), replace=False).tolist())):
            after = build_candidates(without(h, c, gone), sources)
            at = (after.customer == c) & (after.item == i)
            if at.any():
                drops.append(float(found.scores["similar"][row] - after.scores["similar"][at][0]))
    assert len(cited_drop) > 20
    assert np.mean(cited_drop) > np.mean(random_drop)
    assert min(cited_drop) > 0


def test_every_row_has_words_and_rhythm_is_what_happened() -> None:
    """No row without a reason; a replenishment names her own gap and her last purchase."""
    data = shop()
    catalogue = shelf(data)
    h, sources = histories_before(data, catalogue, CUT), sources_at(data, catalogue, CUT)
    found = build_candidates(h, sources)
    x = pair_features(h, catalogue, sources.side, found.customer, found.item, found.scores)
    values = {n: x[:, FEATURES.index(n)].astype(float) for n in READ}
    kind = as_objects(["replenish" if o else "discover" for o in found.owned])
    reasons = write_reasons(h, catalogue, sources, RowFacts(found.customer, found.item, kind, values))
    assert all(r and all(r) for r in reasons)
    row = int(np.flatnonzero(values["times"] >= 4)[0])
    ages = np.sort(h.age[(h.customer == found.customer[row]) & (h.item == found.item[row])])
    gap, ago = round(float(np.diff(ages).mean())), int(ages[0])
    words = ENGLISH["yesterday"] if ago == 1 else ENGLISH["days_ago"].format(n=ago)
    assert reasons[row][0] == ENGLISH["rhythm"].format(gap=gap, ago=words)
    assert reasons[int(np.flatnonzero(~found.owned)[0])][0].startswith("because you bought item p")
