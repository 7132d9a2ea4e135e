"""`nextbest audience` on the small shop: every kind of subject, parts of a day, and what is refused."""

import json
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from click.testing import CliRunner

from features.as_of import OPEN_START, AsOf
from features.contract import Contract
from features.errors import DataError
from features.interactions import collect_interactions
from features.output_tables import CHANNEL_SCORES, CUSTOMER_MAP, OFFER_SCORES
from features.tag_sheet.tag_table import CUSTOMER_TAGS
from jobs.audience import Asked, Audience, AudienceStep, command
from jobs.audience_report import curve_figure, report, save_json
from jobs.contracts import all_contracts
from jobs.runs import execute, identify
from jobs.session import Engine
from jobs.settings import Settings, load_settings
from jobs.tables import Lake
from jobs.tracking import RegisteredModel
from scoring.arms import unit_hash_of
from scoring.recommendations import build_recommender
from scoring.recommender_inputs import build_levels, catalogue_rows, known_purchase_days
from scoring.recommender_params import RecommenderParams
from scoring.train_second_stage import fit_second_stage
from tests.recommend.shop import ALS, CANDIDATES, EASE, PARAMS
from tests.small_sources import SMALL_AS_OF, SMALL_TIME_ZONE, small_sources

AS_OF = AsOf(SMALL_AS_OF, SMALL_TIME_ZONE)
LAUNCH = {"product_id": "p99", "valid_from": OPEN_START, "department": "GROCERY", "category": "MILK",
          "product_type": "OAT MILK", "brand": "b1"}  # fmt: skip
NOBODY_LIKE_IT = {"product_id": "p98", "valid_from": OPEN_START, "category": "TOYS", "product_type": "KITES"}


@dataclass
class Champion:
    """Stands for the model registry."""

    folder: Path

    def model(self, name: str) -> RegisteredModel:
        """The one model."""
        return RegisteredModel(name, 1, "run", self.folder)

    def champion_version(self, name: str) -> int | None:
        """Its version."""
        return 1


@dataclass
class Shop:
    """A lake that holds the small shop, a recommender of it, made-up response scores and tags."""

    lake: Lake
    engine: Engine
    settings: Settings
    tracking: Any

    def find(self, asked: Asked, dry_run: bool = False) -> Audience:
        """Runs the command's step."""
        step = AudienceStep(asked, dry_run)
        execute(step, self.settings, AS_OF, self.engine, self.lake, self.tracking, force=True)
        return step.found[0]

    def rows(self, subject: str, table: str = "audiences") -> list[dict[str, Any]]:
        """What the lake holds of a subject."""
        return [r for r in self.lake.arrow(table, as_of=SMALL_AS_OF).to_pylist() if r["subject"] == subject]


def table(contract: Contract, rows: list[dict[str, Any]]) -> pa.Table:
    """Rows with nulls for what they leave out."""
    whole = [dict.fromkeys(contract.names) | r for r in rows]
    return pa.Table.from_pylist(whole, schema=contract.arrow_schema())


@pytest.fixture(scope="module")
def shop(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """One lake for the module; its recommender takes two seconds."""
    root = tmp_path_factory.mktemp("shop") / "lake"
    lake = Lake(root, all_contracts())
    lake.check_writable()
    tables = small_sources()
    launches = table(lake.contract("products"), [LAUNCH, NOBODY_LIKE_IT])
    tables["products"] = pa.concat_tables([tables["products"], launches])
    people = sorted(set(tables["transactions"]["account_id"].to_pylist()))
    links = [{"account_id": a, "customer_id": f"p-{a}", "valid_from": OPEN_START} for a in people]
    tables["customer_map"] = table(CUSTOMER_MAP, links)
    day: dict[str, Any] = {"as_of": SMALL_AS_OF, "horizon_days": 20, "reasons": ["made up"]}
    scored = [
        day
        | {"customer_id": f"p-{a}", "channel": c, "offer_kind": k, "p_response": round(unit_hash_of(k, a, c) / 4, 3)}
        for a in people
        for c, k in (("direct_mail", "Type A"), ("email", "Type A"))
    ]
    told = [r | {"offer_id": "o7", "reasons": [f"made up for {r['channel']}"]} for r in scored]
    tables["offer_scores"] = table(OFFER_SCORES, told)
    shut = {(f"p-{a}", "email") for a in people[::3]}
    tables["channel_scores"] = table(
        CHANNEL_SCORES,
        [
            r
            | {
                "uplift_basis": "none",
                "fatigue": 0.0,
                "p_open": 0.5 if r["channel"] == "email" else None,
                "reachable": (r["customer_id"], r["channel"]) not in shut,
            }
            for r in scored
        ],
    )
    tag = {"as_of": SMALL_AS_OF, "tag": "wants:milk", "tag_kind": "want", "support": 2, "first_seen": date(2017, 11, 1),
           "last_seen": date(2017, 11, 20), "expires_on": date(2018, 1, 1), "definition": "looked and did not buy",
           "purpose": "profiling", "evidence": ["a=1"]}  # fmt: skip
    looked = datetime(2017, 11, 28, 15, tzinfo=UTC)
    views = [{"event_id": "v1", "account_id": people[7], "event_ts": looked, "available_ts": looked,
              "event_kind": "view", "product_id": "p99"}]  # fmt: skip
    tables["browsing"] = table(lake.contract("browsing"), views)
    denied = {"rule_id": "r", "line_no": 1, "action": "deny", "attribute": "customer_id", "value": f"p-{people[3]}"}
    shelf = denied | {"rule_id": "s", "value": f"p-{people[4]}"}
    lines = [denied | {"product_id": "p01"}, shelf | {"category": "SOAP"}, shelf | {"line_no": 2, "product_id": "p99"}]
    tables["product_eligibility"] = table(lake.contract("product_eligibility"), lines)
    held = [
        tag | {"customer_id": f"p-{a}", "score": 0.5 + i / 100, "for_targeting": i < 6}
        for i, a in enumerate(people[:9])
    ]
    tables["customer_tags"] = table(CUSTOMER_TAGS, held)
    for name, rows in tables.items():
        day_of = SMALL_AS_OF if lake.contract(name).mode == "snapshot" else None
        staged = lake.stage(name, rows, f"in-{name}", day_of)
        lake.publish(staged, run_id="x", step="test", attempt_id="x")
    config = root / "settings.yaml"
    config.write_text("decisions: {contact_cost: {email: 0.001}, remaining_lifetime_value: 0}")
    settings = load_settings(config, {"lake": str(root), "time_zone": SMALL_TIME_ZONE})
    return Shop(lake, engine, settings, Champion(_train(lake, engine, root / "model")))


def _train(lake: Lake, engine: Engine, folder: Path) -> Path:
    sources = {n: lake.read(engine.spark, n) for n in ("transactions", "products", "customer_map")}
    days = known_purchase_days(sources["transactions"], sources["products"], sources["customer_map"], AS_OF, ())
    data = collect_interactions(days)
    levels = build_levels(data, catalogue_rows(sources["products"], AS_OF).toArrow().to_pydict())
    params = RecommenderParams(als=ALS, ease=EASE, candidates=CANDIDATES, ranker=PARAMS.ranker)
    params = replace(params, categories=replace(params.categories, factors=4, min_customers=1))
    stages = []
    for dealings, catalogue, (level, stage) in (
        (levels.products, levels.catalogue, params.products(28, 1)),
        (levels.categories, levels.upper, params.category_level(28, 1)),
    ):
        stages.append(fit_second_stage(dealings, catalogue, AS_OF.epoch_day, level, stage, lambda line: None).stage)
    return build_recommender(SMALL_AS_OF, 28, stages[0], stages[1], levels.place).save(folder)


def test_a_product_finds_its_customers_and_other_subjects_stay(shop: Shop, tmp_path: Path, capsys: Any) -> None:
    """Every column tells its basis; a second subject and a rerun leave the others; a dry run and a failure nothing."""
    milk = shop.find(Asked("product", "p00", size=20))
    assert [r["rank"] for r in milk.rows] == list(range(1, 21))
    scores = [r["score"] for r in milk.rows]
    assert scores == sorted(scores, reverse=True)
    kept = shop.rows("p00")
    assert len(kept) == 20
    assert {(r["score_kind"], r["score_basis"], r["value_basis"]) for r in kept} == {("p_buy", "model", "prior")}
    assert {r["channel"] for r in kept} <= {"email", "direct_mail"}
    assert all(r["reasons"] and r["horizon_days"] == 28 and r["currency"] == "USD" for r in kept)
    shop.find(Asked("category", "MILK", size=7, channel="email"))
    assert len(shop.rows("p00")) == 20
    assert {r["channel"] for r in shop.rows("MILK")} - {None} == {"email"}  # closed to some of them
    shop.find(Asked("product", "p00", size=5))
    assert (len(shop.rows("p00")), len(shop.rows("MILK"))) == (5, 7)
    assert {r["size"] for r in shop.rows("p00", "audience_curve")} == {1, 2, 3, 4, 5}
    assert {r["channel"] for r in shop.rows("p00", "audience_reach")} == {"email", "direct_mail"}
    version = shop.lake.require("audiences").version()
    shop.find(Asked("product", "p00", size=9), dry_run=True)
    with pytest.raises(DataError, match="did you mean 'p"):
        shop.find(Asked("product", "p0x"))
    assert shop.lake.require("audiences").version() == version
    capsys.readouterr()
    report(milk)
    save_json(milk, tmp_path / "a.json")
    curve_figure(milk).savefig(tmp_path / "a.png")
    assert len(json.loads((tmp_path / "a.json").read_text())["customers"]) == 20
    shown = capsys.readouterr().out
    assert "reach by channel" in shown
    assert "assumed incrementality" in shown


def test_rules_on_the_product_keep_customers_out(shop: Shop) -> None:
    """Who may not be shown the product is not in its audience, and the others of another product stay."""
    ruled, free = (shop.find(Asked("product", p, size=100), dry_run=True) for p in ("p01", "p02"))
    assert {r["customer_id"] for r in free.rows} - {r["customer_id"] for r in ruled.rows} == {"p-c003"}
    assert any("keep 1 customers out" in n for n in ruled.notes)
    for asked in (Asked("category", "SOAP", size=100), Asked("offer", "o7", size=100)):
        shut = shop.find(asked, dry_run=True)
        assert {r["customer_id"] for r in free.rows} - {r["customer_id"] for r in shut.rows} == {"p-c004"}
        assert any("keep 1 customers out" in n for n in shut.notes)
    milk = shop.find(Asked("category", "MILK", size=100), dry_run=True)
    assert len(milk.rows) == len(free.rows)  # one product is closed to somebody, the others are not


def test_whom_a_life_event_spares_is_in_no_audience(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither by the model nor by scores of the offer; they are not counted as ruled out, and nothing says why."""
    monkeypatch.setattr("scoring.audience_scores.spared", lambda sources, h, items: h.customers == "p-c005")
    for asked in (Asked("product", "p02", size=100), Asked("offer", "o7", size=100)):
        found = shop.find(asked, dry_run=True)
        assert "p-c005" not in {r["customer_id"] for r in found.rows}
        assert "1 customers are not to be reached for it for now" in found.notes


def test_a_product_that_was_never_sold_is_found_customers_for(shop: Shop) -> None:
    """By what is like it, and said so; nothing like it is an error that says what else to ask for."""
    launch = shop.find(Asked("product", "p99", size=60), dry_run=True)
    assert {r["score_basis"] for r in launch.rows} == {"attribute neighbours"}
    assert any("never sold" in n and "type" in n for n in launch.notes)
    reasons = {r["customer_id"]: r["reasons"][0] for r in launch.rows}
    assert reasons.pop("p-c007") == "you looked at it 6 days ago"
    assert not any("looked at it" in r for r in reasons.values())
    assert "1 customers looked at it in the last 90 days" in launch.notes
    with pytest.raises(DataError, match="no one to learn from"):
        shop.find(Asked("product", "p98"), dry_run=True)


def test_an_offer_goes_by_response_and_else_by_its_products(shop: Shop) -> None:
    """A scored offer by P(responds) in the best channel, without size as far as it pays; another by its products."""
    scored = shop.find(Asked("offer", "o7"), dry_run=True)
    assert {(r["score_kind"], r["value_basis"]) for r in scored.rows} == {("p_response", "prior")}
    assert all(r["score"] == r["p_response"] for r in scored.rows)
    assert scored.rows[-1]["value"] > 0
    best = next(r for r in scored.curve if r["is_best"])
    assert best["value_prior"] == max(r["value_prior"] for r in scored.curve)
    everybody = shop.find(Asked("offer", "o7", size=100), dry_run=True)
    assert {r["channel"] for r in everybody.rows} == {"email", "direct_mail"}  # email is closed to some
    assert all(r["score"] == r["p_response"] for r in everybody.rows)
    assert all(r["reasons"] == [f"made up for {r['channel']}"] for r in everybody.rows)
    planned = shop.find(Asked("offer", "o8", size=5), dry_run=True)
    assert {r["score_kind"] for r in planned.rows} == {"p_buy"}
    assert any("no response score" in n for n in planned.notes)
    with pytest.raises(DataError, match="there is no offer 'o77'"):
        shop.find(Asked("offer", "o77"), dry_run=True)


def test_a_tag_reaches_those_whom_it_may_be_used_for(shop: Shop) -> None:
    """Only evidence measured right enough; more is refused where nobody's consent is known."""
    held = shop.find(Asked("tag", "wants:milk", size=100), dry_run=True)
    assert [r["score"] for r in held.rows] == [0.55, 0.54, 0.53, 0.52, 0.51, 0.5]
    assert {(r["score_kind"], r["horizon_days"]) for r in held.rows} == {("tag", None)}
    assert any("3 more hold the tag" in n for n in held.notes)
    with pytest.raises(DataError, match="--any-evidence is refused"):
        shop.find(Asked("tag", "wants:milk", any_evidence=True), dry_run=True)
    with pytest.raises(DataError, match="did you mean 'wants:milk'"):
        shop.find(Asked("tag", "want:milk"), dry_run=True)


def test_another_question_is_another_run(shop: Shop) -> None:
    """The id of a run tells what was asked, and whether it published."""
    asked = [Asked("product", "p00"), Asked("product", "p01"), Asked("product", "p00", size=3)]
    steps = [*(AudienceStep(a, False) for a in asked), AudienceStep(asked[0], True)]
    ids = [identify(s, shop.settings, AS_OF, shop.lake, shop.tracking).run_id for s in (*steps, steps[0])]
    assert len(set(ids)) == len(steps)
    assert ids[0] == ids[-1]


def test_tags_are_explained_in_the_language_of_the_settings(shop: Shop) -> None:
    """The template is translated; the tag and what it rests on stay as they are."""
    recommender = replace(shop.settings.recommender, language="zh")
    chinese = replace(shop, settings=shop.settings.model_copy(update={"recommender": recommender}))
    held = chinese.find(Asked("tag", "wants:milk", size=1), dry_run=True)
    assert held.rows[0]["reasons"] == ["wants:milk，依据 2 条记录，最近一次 2017-11-20", "a=1"]


def test_what_makes_no_sense_is_refused(shop: Shop) -> None:
    """Two subjects, none, an unknown channel or category, a size beyond the limit."""
    for args in ([], ["--product", "a", "--tag", "b"]):
        result = CliRunner().invoke(command, args)
        assert result.exit_code == 2
        assert "give one of --product" in result.output
    with pytest.raises(DataError, match="did you mean 'email'"):
        shop.find(Asked("product", "p00", channel="emial"), dry_run=True)
    with pytest.raises(DataError, match="did you mean 'MILK'"):
        shop.find(Asked("category", "MILKS"), dry_run=True)
    with pytest.raises(DataError, match="max_size"):
        shop.find(Asked("product", "p00", size=1_000_000), dry_run=True)
