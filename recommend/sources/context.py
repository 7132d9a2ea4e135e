"""What sources learn from beside histories and catalogue."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from features.buyer_counts import BuyerCounts
from recommend.tag_rules import ATTRIBUTE, TagRule

POSTED = ("post:", "given:")


@dataclass(frozen=True)
class Context:
    """Names of the tags in the order of their positions, and the rules of those that have any; `counts` of all
    customers where those learned from are a sample."""

    tags: NDArray[np.object_] = field(default_factory=lambda: np.empty(0, dtype=object))
    rules: Mapping[str, TagRule] = field(default_factory=dict)
    counts: BuyerCounts | None = None

    def rule(self, tag: str) -> TagRule:
        """The rule of a tag; one of posts without any counts as an interest, all else holds and proposes nothing."""
        return self.rules.get(tag, TagRule() if tag.startswith(POSTED) else ATTRIBUTE)
