"""The response model: its frame, its rule, its files, and how it is judged in time."""

import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest

from features.contact_features import CONTACT_FEATURES
from features.errors import DataError, ModelError
from models.response import fit_response, importance, load_response, rule_model
from models.response_evaluation import (
    baselines,
    blocks,
    evaluate_response,
    kind_table,
    metric_table,
    response_learners,
    superiority,
    why_not_train,
)
from models.response_frame import FEATURES, as_response_frame, matrix
from models.response_linear import LinearPart, design, fit_linear
from models.response_params import ResponseEvaluationParams, ResponseParams, ResponsePriors
from models.response_rule import RateRule, fit_rule

START = datetime(2017, 1, 2, tzinfo=UTC)
END = int((START + timedelta(days=240)).timestamp())
PARAMS = ResponseParams(trees=30, min_child=20, min_positives=30)
PRIORS = ResponsePriors()


def sends(n=2400, seed=0):
    """Sends every 14 days with a 28-day window; who uses coupons responds more, Type A twice as often."""
    rng = np.random.default_rng(seed)
    wave = rng.integers(0, 15, n)
    kind = rng.choice(["Type A", "Type B"], n)
    coupons = rng.poisson(1.0, n)
    chance = np.clip(0.04 + 0.12 * coupons, 0, 0.9) * np.where(kind == "Type A", 1.0, 0.5)
    cut = [START + timedelta(days=14 * int(w)) for w in wave]
    columns = {
        c.name: pa.array(rng.integers(1, 30, n), pa.int64()).cast(c.arrow_type)
        for c in CONTACT_FEATURES.columns
        if c.kind in ("int", "double")
    }
    columns |= {
        "customer_id": pa.array([f"c{i % 400:03d}" for i in range(n)]),
        "offer_id": pa.array([f"o{w}" for w in wave]),
        "channel": pa.array(["direct_mail"] * n),
        "cut": pa.array(cut, pa.timestamp("us", tz="UTC")),
        "offer_kind": pa.array(kind.tolist()),
        "coupon_orders_long": pa.array(coupons, pa.int32()),
        "closes_ts": pa.array([c + timedelta(days=28) for c in cut], pa.timestamp("us", tz="UTC")),
        "responded": pa.array((rng.random(n) < chance).astype(int), pa.int32()),
        "matured": pa.array([True] * n),
    }
    return pa.table(columns)


@pytest.fixture(scope="module")
def frame():
    """A frame of 2,400 sends."""
    return as_response_frame(sends())


@pytest.fixture(scope="module")
def model(frame):
    """A model fitted on it."""
    return fit_response(frame, PARAMS, PRIORS)


def test_only_matured_sends_are_learned_from():
    """A send whose window is open has no label yet."""
    table = sends(100)
    open_ones = table.set_column(
        table.column_names.index("matured"), "matured", pa.array([i % 2 == 0 for i in range(100)])
    )
    assert len(as_response_frame(open_ones)) == 50


def test_a_frame_without_a_column_names_it():
    """The message lists what is missing."""
    with pytest.raises(DataError, match="closes_ts, matured"):
        as_response_frame(sends(10).drop_columns(["closes_ts", "matured"]))


def test_the_matrix_keeps_null_apart_from_zero_and_unknown_categories_apart_from_known():
    """Null and a category that was not trained on are NaN."""
    table = sends(2).drop_columns(["recency_days"]).append_column("recency_days", pa.array([None, 0], pa.int32()))
    x = matrix(table, {"channel": ["direct_mail"], "offer_kind": ["no such kind"]})
    assert np.isnan(x[0, FEATURES.index("recency_days")])
    assert x[1, FEATURES.index("recency_days")] == 0
    assert x[:, 0].tolist() == [0, 0]
    assert np.isnan(x[:, 1]).all()


def test_saved_and_loaded_a_model_predicts_the_same(frame, model, tmp_path):
    """Text and JSON hold the whole model, and no pickle is written."""
    loaded = load_response(model.save(tmp_path / "m"))
    assert np.array_equal(loaded.predict(frame.table), model.predict(frame.table))
    assert sorted(p.name for p in (tmp_path / "m").iterdir()) == ["booster.txt", "model.json"]
    rule = rule_model(frame, PRIORS)
    assert np.array_equal(load_response(rule.save(tmp_path / "r")).predict(frame.table), rule.predict(frame.table))


def test_a_model_of_other_features_is_refused(model, tmp_path):
    """A renamed feature is an error with its remedy, not a silent skew."""
    folder = model.save(tmp_path)
    content = json.loads((folder / "model.json").read_text())
    (folder / "model.json").write_text(json.dumps(content | {"features": list(reversed(FEATURES))}))
    with pytest.raises(ModelError, match="train-response"):
        load_response(folder)


def test_a_booster_of_another_model_is_refused(model, tmp_path):
    """The feature names inside the booster must be the model's."""
    folder = model.save(tmp_path)
    text = (folder / "booster.txt").read_text()
    (folder / "booster.txt").write_text(text.replace("recency_days", "recency_dayz"))
    with pytest.raises(ModelError, match="feature names differ"):
        load_response(folder)


def test_the_same_frame_gives_the_same_model(frame, model):
    """Training is a function of its input and seed."""
    again = fit_response(frame, PARAMS, PRIORS)
    assert np.array_equal(again.predict(frame.table), model.predict(frame.table))


def test_contributions_add_up_to_the_log_odds(frame, model):
    """What reasons are made of is exact: contributions and one constant sum to the log odds before calibration."""
    x = matrix(frame.table, model.categories)
    margin = 0.5 * model.booster.predict(x, raw_score=True) + 0.5 * model.linear.margin(x)
    rest = margin - model.contributions(frame.table).sum(axis=1)
    assert np.ptp(rest) < 1e-9
    assert importance(model)[0]["feature"] == "coupon_orders_long"


def test_the_linear_part_is_a_logistic_regression_of_log_counts(frame):
    """Stored numbers alone repeat scikit-learn's answer, through JSON and back; never is long ago, not just now."""
    from sklearn.linear_model import LogisticRegression

    x = matrix(frame.table, {"channel": ["direct_mail"], "offer_kind": ["Type A", "Type B"]})
    part = fit_linear(x, frame.y, (1, 2))
    d = design(x, (1, 2))
    z = (d - d.mean(axis=0)) / np.where(d.std(axis=0) > 1e-9, d.std(axis=0), 1)
    oracle = LogisticRegression(C=0.05, max_iter=1000, tol=1e-6).fit(z, frame.y).decision_function(z)
    assert np.allclose(part.margin(x), oracle)
    assert LinearPart.from_dict(json.loads(json.dumps(part.to_dict()))) == part
    never = x[:1].copy()
    never[0, FEATURES.index("recency_days")] = np.nan
    assert design(never, (1, 2))[0].max() == pytest.approx(np.log1p(365))
    with pytest.raises(ModelError, match="damaged"):
        LinearPart.from_dict(part.to_dict() | {"scale": [0.0] * len(part.scale)})


def test_without_a_linear_share_the_model_is_lightgbm_alone(frame, tmp_path):
    """The share is a setting; 0 leaves the trees."""
    alone = fit_response(frame, ResponseParams(trees=10, linear_share=0.0), PRIORS)
    assert alone.linear is None
    loaded = load_response(alone.save(tmp_path))
    assert np.array_equal(loaded.predict(frame.table), alone.predict(frame.table))


def test_less_time_left_never_makes_a_response_likelier(frame, model):
    """Live offers are scored on what is left of them, often less than any window learned from."""
    place = frame.table.column_names.index("window_days")
    scores = [
        model.predict(frame.table.set_column(place, "window_days", pa.array([days] * len(frame), pa.int32())))
        for days in (1, 7, 15, 29, 60)
    ]
    assert all(np.all(later >= earlier) for earlier, later in pairwise(scores))


def test_thin_channels_are_drawn_to_the_prior(frame, model):
    """A channel never sent through answers with its prior; a known one keeps most of the model's word."""
    unseen = frame.table.set_column(
        frame.table.column_names.index("channel"), "channel", pa.array(["email"] * len(frame))
    )
    drawn = fit_response(frame, PARAMS, ResponsePriors(channels={"email": 0.0001}))
    assert set(drawn.predict(unseen)) == {0.0001}
    assert model.predict(frame.table).std() > 0.03


def test_rule_shrinks_each_level_to_the_one_above():
    """By hand: 2 of 4 answered with weight 2 and default .5 leave .5 everywhere; a kind with 2 of 2 rises to .75."""
    table = sends(4)
    for name, values in {"offer_kind": ["A", "A", "B", "B"], "responded": [1, 1, 0, 0]}.items():
        column = pa.array(values, table[name].type)
        table = table.set_column(table.column_names.index(name), name, column)
    at_one_time = pa.array([START] * 4, pa.timestamp("us", tz="UTC"))
    table = table.set_column(table.column_names.index("cut"), "cut", at_one_time)
    rule = fit_rule(as_response_frame(table), ResponsePriors(default=0.5, weight=2), depth=2)
    assert rule.base == 0.5
    assert rule.rates == {"direct_mail": 0.5, "direct_mail|A": 0.75, "direct_mail|B": 0.25}


def test_without_sends_the_rule_is_the_prior(frame):
    """Nothing to learn from: the stated assumption, per channel where there is one."""
    rule = rule_model(None, ResponsePriors(default=0.03, channels={"direct_mail": 0.01}))
    assert set(rule.predict(frame.table)) == {0.01}
    assert set(rule_model(None, ResponsePriors(default=0.03)).predict(frame.table)) == {0.03}


def test_a_damaged_rule_is_refused():
    """A rate outside [0, 1] is not a probability."""
    with pytest.raises(ModelError, match="damaged"):
        RateRule.from_json('{"base": 1.5, "rates": {}, "channels": {}}')


def test_no_label_window_reaches_into_the_block_it_trains_for(frame):
    """Purged: every training window has closed when the first test send goes out."""
    found = blocks(frame, END, ResponseEvaluationParams(), 30)
    assert len(found) > 3
    for train, test in found:
        assert frame.closes[train].max() <= frame.cut[test].min()
        assert frame.cut[test].max() < END


def test_evaluation_judges_all_models_on_the_same_rows(frame):
    """One table, every baseline, and a model that sees the signal passes the gate."""
    learners = baselines(PRIORS) | response_learners(PARAMS, PRIORS)
    result = evaluate_response(frame, END, learners, ResponseEvaluationParams(), 30)
    assert {len(p) for p in result.predictions.values()} == {len(result.y)}
    rows = {(r["model"], r["metric"]): r for r in metric_table(result, draws=50)}
    assert rows["response", "auc"]["low"] > rows["recency_frequency", "auc"]["high"]
    assert 0.85 < rows["response", "observed_over_expected"]["value"] < 1.15
    assert superiority(result, "response", "recency_frequency", 50)["passes"] == 1
    assert superiority(result, "base_rate", "response", 50)["passes"] == 0
    assert [r["offer_kind"] for r in kind_table(result, "response")] == ["Type A", "Type B"]


def test_no_block_without_enough_positives(frame):
    """Where nothing can be judged there is no evaluation, rather than a number from ten rows."""
    assert evaluate_response(frame, END, baselines(PRIORS), ResponseEvaluationParams(), 10**6) is None


def test_why_not_train_says_what_is_missing(frame):
    """No sends, too few answers, all answers: each has its sentence."""
    assert why_not_train(frame, PARAMS) is None
    assert "contacts" in why_not_train(None, PARAMS)
    assert "response.min_positives" in why_not_train(frame, ResponseParams(min_positives=10**6))
