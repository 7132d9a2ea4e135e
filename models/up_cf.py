"""UP-CF: what neighbours buy how often, for the next basket (Faggioli, Polato, Aiolli 2020, "Recency aware
collaborative filtering for next basket recommendation", UMAP).

A customer's baskets are her days. The popularity of an item with her is the share of her last `recency` baskets that
hold it; a score is the sum over customers of their popularity, weighted by the similarity of what was bought (cosine,
made asymmetric by `asymmetry`) to the power of `locality`. She is her own nearest neighbour.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix

from features.baskets import baskets_back
from features.interactions import Interactions
from models.baselines import Scores, check_products


@dataclass(frozen=True)
class UpCfParams:
    """Chosen on the baskets before the last ones of TaFeng."""

    recency: int = 100
    asymmetry: float = 0.75
    locality: float = 5.0


@dataclass(frozen=True)
class UpCf:
    """`bought` (n_customers, n_products) of ones and `popular` (same shape) of all customers of the fit."""

    params: UpCfParams
    bought: csr_matrix
    popular: csr_matrix

    def score(self, history: Interactions) -> Scores:
        """See `models.baselines.Scorer`; 0 where no neighbour bought it."""
        check_products(history, self.bought.shape[1])
        own = _bought(history)
        shared = np.asarray((own @ self.bought.T).todense(), dtype=np.float64)
        a = self.params.asymmetry
        size, others = (np.maximum(np.diff(m.indptr), 1).astype(np.float64) for m in (own, self.bought))
        similar = (shared / (size[:, None] ** a * others[None, :] ** (1 - a))) ** self.params.locality
        return np.asarray(similar @ self.popular, dtype=np.float64)


def fit_up_cf(history: Interactions, params: UpCfParams) -> UpCf:
    """Nothing but the customers and what is popular with them."""
    back, baskets = baskets_back(history)
    recent = history.where(back < params.recency)
    shape = (history.n_customers, history.n_products)
    counts = csr_matrix((np.ones(len(recent)), (recent.customer, recent.product)), shape)
    counts.sum_duplicates()
    rows = np.repeat(np.arange(shape[0]), np.diff(counts.indptr))
    counts.data = counts.data / np.minimum(baskets, params.recency)[rows]
    return UpCf(params, _bought(history), counts)


def _bought(history: Interactions) -> csr_matrix:
    shape = (history.n_customers, history.n_products)
    matrix = csr_matrix((np.ones(len(history)), (history.customer, history.product)), shape)
    matrix.sum_duplicates()
    matrix.data[:] = 1.0
    return matrix
