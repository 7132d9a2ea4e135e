"""Latents of persons: pure functions of their numbers, spread like customers, hidden from ids."""

import dataclasses
from functools import cache

import numpy as np
import pytest

from jobs.simulate.draws import bits
from jobs.simulate.model import CHANNELS, UPLIFT_TYPES, People
from jobs.simulate.params import load_world_params
from jobs.simulate.people import SOURCE_SHARES, make_people
from jobs.simulate.people_social import shuffled
from jobs.simulate.world import World, make_world

N = 6000


@cache
def _world(**controls: bool) -> World:
    return make_world(11, N, 365, load_world_params(overrides={"controls": controls}))


@cache
def _people(**controls: bool) -> People:
    return make_people(_world(**controls), np.arange(N))


def _latents(people: People) -> dict[str, np.ndarray]:
    return {
        "rate": np.log1p(people.rate),
        "basket": people.basket,
        "band": people.band,
        "deal_love": people.deal_love,
        "novelty": people.novelty,
        "wallet": people.wallet_share,
        "coupon": people.persuasion[:, 0],
        "dog": people.uplift_type == UPLIFT_TYPES.index("sleeping_dog"),
        "opens": np.log(people.open_rate[:, 2]),
        "hazard": np.log(people.leave_hazard),
        "follower": people.is_follower_only,
        "joined": people.first_day,
        "reach": np.log1p(people.reach),
        "event": people.event_kind[:, 0] >= 0,
        "snacks": people.taste[:, 33],
        "household": people.household,
    }


def test_blocks_do_not_matter() -> None:
    """Any subset of numbers, in any order, gives the rows of the whole."""
    whole = _people()
    picked = np.array([5, 4999, 17, 300])
    for rows in (np.arange(500), picked):
        part = make_people(_world(), rows)
        for f in dataclasses.fields(People):
            np.testing.assert_array_equal(getattr(part, f.name), getattr(whole, f.name)[rows], err_msg=f.name)


def test_numbers_and_ids_carry_no_latent() -> None:
    """Correlation of latents with person numbers, their neighbours and the bits of identifiers is that of chance."""
    people = _people()
    limit = 4.5 / np.sqrt(N)
    hashed = bits(11, "id:customer", people.number)
    carriers = {"number": people.number, "parity": people.number % 2}
    carriers |= {f"bit {b}": (hashed >> np.uint64(b)) & np.uint64(1) for b in range(0, 64, 8)}
    for name, latent in _latents(people).items():
        values = latent.astype(np.float64)
        for carrier, bit in carriers.items():
            assert abs(np.corrcoef(bit.astype(np.float64), values)[0, 1]) < limit, (name, carrier)
        assert abs(np.corrcoef(values[1:], values[:-1])[0, 1]) < limit, (name, "neighbour")


def test_shares_of_the_population() -> None:
    """Followers, joining days, uplift types and sources have their shares; followers never shop."""
    people = _people()
    assert people.is_follower_only.mean() == pytest.approx(0.15, abs=0.02)
    assert (people.first_day < 0).mean() == pytest.approx(0.6, abs=0.03)
    assert people.first_day.max() < 365
    shares = np.bincount(people.uplift_type, minlength=4) / N
    np.testing.assert_allclose(shares, [0.25, 0.3, 0.35, 0.1], atol=0.025)
    np.testing.assert_allclose(np.bincount(people.source) / N, SOURCE_SHARES / SOURCE_SHARES.sum(), atol=0.025)
    assert (people.rate[people.is_follower_only] == 0).all()
    assert (people.rate[~people.is_follower_only] > 0).all()


def test_few_bring_most_of_the_margin() -> None:
    """The best fifth of buyers bring 65 to 85 % of the expected margin."""
    people = _people()
    value = np.sort(people.lifetime_value[~people.is_follower_only])[::-1]
    assert 0.65 < value[: len(value) // 5].sum() / value.sum() < 0.85


def test_rows_are_proper() -> None:
    """Tastes and modes are shares, weekday factors average 1, probabilities lie in their ranges."""
    people = _people()
    assert people.taste.dtype == np.float32
    for shares in (people.taste, people.mode, people.mode_later):
        np.testing.assert_allclose(shares.sum(axis=1), 1, rtol=1e-4)
        assert shares.min() >= 0
    np.testing.assert_allclose(people.weekday.mean(axis=1), 1, rtol=1e-4)
    assert people.open_rate.max() < 1
    assert people.leave_hazard.max() <= 0.02
    assert not (people.consents & ~people.has_address).any()
    assert people.regularity.min() >= 0
    assert people.regularity.max() < 1


def test_types_differ_in_what_contacts_do() -> None:
    """Persuadables are moved, sure things and lost causes hardly, sleeping dogs are put off."""
    people = _people()
    mean = [people.persuasion[people.uplift_type == k].mean() for k in range(4)]
    assert mean[0] > 0.5
    assert 0 < mean[2] < mean[1] < 0.15
    assert mean[3] < -0.3


def test_types_are_partly_predictable() -> None:
    """Love of deals is higher among persuadables, by much less than the persons vary."""
    people = _people()
    gap = people.deal_love[people.uplift_type == 0].mean() - people.deal_love[people.uplift_type != 0].mean()
    assert 0.5 * people.deal_love.std() < gap < 1.5 * people.deal_love.std()


def test_open_rates_differ_by_channel_and_person() -> None:
    """Channels lie orders of magnitude apart; persons spread around the channel's rate."""
    people = _people()
    mean = dict(zip(CHANNELS, people.open_rate.mean(axis=0), strict=True))
    assert mean["wechat_service"] > 30 * mean["email"]
    assert people.open_rate[:, 1].std() > 0.3 * mean["email"]


def test_without_heterogeneity_contacts_do_the_same_to_all() -> None:
    """Persuasion, open rates and tolerance are one number per kind and channel, near the mean of the other world."""
    same = _people(no_heterogeneity=True)
    assert np.ptp(same.persuasion, axis=0).max() == 0
    for latent in (same.open_rate, same.fatigue_tolerance, same.unsubscribe_rate):
        assert np.ptp(latent, axis=0).max() == 0
    np.testing.assert_allclose(same.persuasion[0], _people().persuasion.mean(axis=0), atol=0.04)
    np.testing.assert_array_equal(same.taste, _people().taste)


def test_in_a_quiet_market_contacts_move_nothing() -> None:
    """Persuasion is nought for everybody."""
    assert not _people(quiet_market=True).persuasion.any()


def test_referrers_came_first() -> None:
    """Who brought somebody is another person of the world who came before; a few bring many."""
    people = _people()
    rows = np.flatnonzero(people.referrer >= 0)
    assert 0.05 < len(rows) / N < 0.12
    assert (people.first_day[people.referrer[rows]] < people.first_day[rows]).all()
    brought = np.sort(np.bincount(people.referrer[rows], minlength=N))[::-1]
    assert brought[: N // 100].sum() > 0.15 * len(rows)


def test_households_share_a_home() -> None:
    """About a third live with another person of the world, two or three together, in one region."""
    people = _people()
    _, home, members = np.unique(people.household, return_inverse=True, return_counts=True)
    assert members.max() <= 3
    assert (members[home] > 1).mean() == pytest.approx(0.35, abs=0.04)
    first = np.full(len(members), -1)
    first[home] = people.region
    assert (first[home] == people.region).all()


@pytest.mark.parametrize("n", [1, 2, 3, 100, 4097])
def test_shuffling_is_a_permutation(n: int) -> None:
    """Every place is taken once, whatever the size."""
    assert sorted(shuffled(3, "x", np.arange(n), n).tolist()) == list(range(n))


def test_some_move_online() -> None:
    """After her migration day a person shops less in stores."""
    people = _people()
    moves = people.migration_day <= 100
    assert 0.01 < moves.mean() < 0.08
    assert people.mode_at(100)[moves, 0].mean() < 0.7 * people.mode_at(-1)[moves, 0].mean()
    np.testing.assert_array_equal(people.mode_at(100)[~moves], people.mode[~moves])
