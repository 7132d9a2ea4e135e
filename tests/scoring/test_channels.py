"""Channel and offer scores: one row per customer and option, what is not recorded stays null."""

from datetime import date

import pytest

from features.as_of import AsOf
from features.contact_features import ContactFeatureParams, as_contact_features
from features.contact_pairs import as_pairs, customers_at, live_options, typical_options
from features.output_tables import CHANNEL_SCORES, OFFER_SCORES
from models.response import load_response, rule_model
from models.response_params import ResponsePriors
from scoring.channel_params import ChannelParams
from scoring.channels import ChannelFacts, as_best_times, score_channels, score_offers, score_pairs, score_table
from tests.features.contact_world import CONTACT_ROWS, ZONE, answer, send, sources

AS_OF = AsOf(date(2017, 5, 15), ZONE)
PARAMS = ChannelParams(best_time_support=2)


class Here:
    """A shipped folder that is already here."""

    def __init__(self, path):
        self.path = str(path)

    def __call__(self):
        return self.path


@pytest.fixture(scope="module")
def scored(spark, tmp_path_factory):
    """(features, scores, live, typical) of the world with the prior-only rule, on 2017-05-15."""
    folder = rule_model(None, ResponsePriors(default=0.02, channels={"email": 0.001})).save(
        tmp_path_factory.mktemp("m")
    )
    world = sources(spark)
    live, typical = (f(world.offers, AS_OF, ["email", "mail"]) for f in (live_options, typical_options))
    pairs = as_pairs(customers_at(world.customer_map, AS_OF), live.union(typical), AS_OF)
    features = as_contact_features(pairs, world, ContactFeatureParams(), ZONE)
    return features, score_pairs(Here(folder), features, PARAMS), live, typical, folder


def test_channel_scores_have_one_row_per_customer_channel_and_kind(scored):
    """Two customers; kind A by mail, kind B, which names no channel, by mail and email."""
    _, scores, _, typical, _ = scored
    rows = CHANNEL_SCORES.conform(score_channels(scores, typical, ChannelFacts(), AS_OF)).toArrow().to_pylist()
    keys = sorted((r["customer_id"], r["channel"], r["offer_kind"]) for r in rows)
    assert keys == [(c, ch, k) for c in "xy" for ch, k in (("email", "B"), ("mail", "A"), ("mail", "B"))]
    assert {(r["offer_kind"], r["horizon_days"]) for r in rows} == {("A", 31), ("B", 20)}
    assert {r["channel"]: r["p_response"] for r in rows} == {"email": 0.001, "mail": 0.02}
    nulls = ("reachable", "p_open", "p_click", "uplift", "p_unsubscribe", "best_weekday", "best_hour")
    assert all(r[n] is None for r in rows for n in nulls)
    assert {r["uplift_basis"] for r in rows} == {"none"}
    fatigue = {(r["customer_id"], r["channel"]): r["fatigue"] for r in rows}
    assert fatigue["x", "email"] == 0
    assert fatigue["y", "mail"] == pytest.approx(0.25)  # one send two weeks ago


def test_offer_scores_are_about_what_is_left_of_live_offers(scored):
    """o2 and o3 run; their windows are what is left on the day."""
    _, scores, live, _, _ = scored
    rows = OFFER_SCORES.conform(score_offers(scores, live, AS_OF)).toArrow().to_pylist()
    assert {(r["offer_id"], r["channel"], r["horizon_days"]) for r in rows} == {
        ("o2", "mail", 17), ("o3", "email", 6), ("o3", "mail", 6)
    }  # fmt: skip
    assert len(rows) == 6
    assert all(r["reasons"] for r in rows)


def test_the_engine_scores_as_this_process_does(scored):
    """Batches through the engine and one table here give the same rows."""
    features, scores, _, _, folder = scored
    order = [(n, "ascending") for n in ("customer_id", "offer_id", "channel", "window_days")]
    here = score_table(load_response(folder), features.toArrow()).sort_by(order)
    assert scores.toArrow().sort_by(order).to_pylist() == here.to_pylist()


def test_best_times_come_from_opens_and_clicks_with_support(spark):
    """Two opens on a Sunday evening tell the time; one does not; a redemption never does; the future is unseen."""
    mails = [send("x", "o1", "2017-03-01 05:00"), send("y", "o1", "2017-03-01 05:00"), *CONTACT_ROWS[1:]]
    to = {"contact_id": "o1-x-2017-03-01 05:00"}
    answers = [
        answer("x", "o1", "2017-03-06 00:30", kind="open", **to),  # Sunday 19:30 in New York
        answer("x", "o1", "2017-03-12 23:10", kind="click", **to),  # Sunday 19:10, summer time
        answer("x", "o1", "2017-03-15 12:00", **to),
        answer("y", "o1", "2017-03-07 12:00", kind="open", contact_id="o1-y-2017-03-01 05:00"),
        *[answer("x", "o1", f"2017-06-0{d} 12:00", kind="open", **to) for d in range(1, 6)],  # after the cut
    ]
    world = sources(spark, contacts=mails, responses=answers)
    accounts = world.customer_map.where("valid_to is null").select("account_id", "customer_id")
    rows = as_best_times(world.responses, world.contacts, accounts, AS_OF, PARAMS).toArrow().to_pylist()
    assert rows == [{"customer_id": "x", "channel": "mail", "best_weekday": 7, "best_hour": 19}]
