"""Purchases as arrays: the boundary between the engine's tables and the recommender's matrices."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Interactions:
    """Who bought what on which local day, one element per customer, product and day, duplicates summed.

    `customers` (n_customers,) and `products` (n_products,) are sorted ids (str objects); the other arrays have
    one element per interaction, sorted by (customer, product, day): `customer` and `product` are int32 positions in
    the ids, `day` is days since 1970-01-01 in local time, `quantity` and `amount` are float32 sums, `orders` int32.
    """

    customers: NDArray[np.object_]
    products: NDArray[np.object_]
    customer: NDArray[np.int32]
    product: NDArray[np.int32]
    day: NDArray[np.int32]
    quantity: NDArray[np.float32]
    amount: NDArray[np.float32]
    orders: NDArray[np.int32]
