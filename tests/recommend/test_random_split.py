"""A random split keeps the same share of every user."""

import numpy as np

from recommend.random_split import split_by_user


def test_every_user_keeps_her_share_and_seeds_differ() -> None:
    """Rounded per user, whatever the order of the rows; the same seed gives the same split."""
    user = np.random.default_rng(1).permutation(np.repeat(np.arange(30), np.arange(1, 31)))
    kept = split_by_user(user, 0.75, seed=3)
    np.testing.assert_array_equal(np.bincount(user[kept], minlength=30), np.round(np.arange(1, 31) * 0.75))
    np.testing.assert_array_equal(kept, split_by_user(user, 0.75, seed=3))
    assert (kept != split_by_user(user, 0.75, seed=4)).any()
