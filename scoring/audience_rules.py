"""Rules on what an audience is for: who may be shown nothing of it (`scoring/eligible_items.py` on its products)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from recommend.histories import Histories
from scoring.eligible_items import ItemRules, blocked_pairs, build_item_rules
from scoring.history_rows import Axes, batch_knowledge


@dataclass(frozen=True)
class SubjectRules:
    """Lines of `collect_segment_lines` about the products of one subject; few, so they travel with the function. The
    products need not be known to the model: a launch has rules too."""

    product_ids: tuple[str, ...]
    lines: pa.Table

    @cached_property
    def _places(self) -> dict[str, int]:
        return {product: i for i, product in enumerate(self.product_ids)}

    @cached_property
    def _rules(self) -> ItemRules:
        return build_item_rules(self.lines, self._places)

    def kept_out(self, axes: Axes, batch: pa.RecordBatch, h: Histories) -> NDArray[np.bool_]:
        """(n customers,) whether the customer of a batch of `as_histories` may be shown none of the products."""
        rules, n = self._rules, len(self.product_ids)
        shut = np.tile(rules.closed_to_all(), (h.n, 1))
        if not shut.all():
            known = batch_knowledge(replace(axes, products=self._places), batch, h, rules.attributes)
            keys, _ = blocked_pairs(rules, h.n, known)
            shut[np.divmod(keys, n)] = True
        return np.asarray(shut.all(axis=1))
