"""Rules on the product that an audience is for: who may not be shown it (`scoring/eligible_items.py` on one item)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from recommend.histories import Histories
from scoring.eligible_items import blocked_pairs, build_item_rules
from scoring.history_rows import Axes, batch_knowledge


@dataclass(frozen=True)
class SubjectRules:
    """Lines of `collect_segment_lines` about one product; few, so they travel with the function. The product need not
    be known to the model: a launch has rules too."""

    product_id: str
    lines: pa.Table

    def kept_out(self, axes: Axes, batch: pa.RecordBatch, h: Histories) -> NDArray[np.bool_]:
        """(n customers,) whether the customer of a batch of `as_histories` may not be shown the product."""
        alone = {self.product_id: 0}
        rules = build_item_rules(self.lines, alone)
        if bool(rules.closed_to_all()[0]):
            return np.ones(h.n, dtype=bool)
        known = batch_knowledge(replace(axes, products=alone), batch, h, rules.attributes)
        keys, _ = blocked_pairs(rules, h.n, known)
        out = np.zeros(h.n, dtype=bool)
        out[keys] = True  # one item: the key is the customer
        return out
