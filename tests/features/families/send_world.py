"""Random sends and answers with the odd cases, and what a plain loop makes of each send."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

from tests.features.families.people_world import INSTANT, Draws, Row, Tables, known
from tests.features.purchase_world import AS_OF

DAY = timedelta(days=1)
KINDS = ("delivered", "bounced", "open", "open", "click", "redeem", "buy", "unsubscribe", "complaint")
CHANNELS = ("sms", "email", "push")
OFFERS = {"o1": "coupon", "o2": "content", "o3": "sample"}


def send_tables(seed: int, sends: int = 300, answers: int = 400) -> Tables:
    """Sends through three channels, of which e-mail reports deliveries from some day on, and answers of all sorts."""
    draws = Draws(seed, (0, 7, 28, 30, 35, 180, 365))
    rng = draws.rng
    contacts = [
        draws.log(contact_id=f"ct-{i}", offer_id=rng.choice([*OFFERS, "o9"]), channel=rng.choice(CHANNELS))
        for i in range(sends)
    ]
    # two sends at one moment
    contacts += [r | {"contact_id": f"{r['contact_id']}-twin"} for r in contacts[:40]]
    responses = []
    for i in range(answers):
        sent = rng.choice(contacts)
        # exactly at the send and at the ends of the windows more often than chance would have it
        after = rng.choice([timedelta(), 7 * DAY, 7 * DAY - INSTANT, 28 * DAY, 28 * DAY - INSTANT, -DAY, DAY, 5 * DAY])
        row = draws.log(response_id=f"rs-{i}", response_kind=rng.choice(KINDS), offer_id=sent["offer_id"])
        if rng.random() < 0.9:
            ts = sent["event_ts"] + after
            row |= {
                "account_id": sent["account_id"],
                "event_ts": ts,
                "available_ts": ts + DAY * rng.choice([0, 0, 0, 9]),
            }
        row["contact_id"] = rng.choice([sent["contact_id"], sent["contact_id"], None, "ct-unknown"])
        row["channel"] = rng.choice([sent["channel"], None, rng.choice(CHANNELS)])
        if row["response_kind"] == "delivered" and sent["channel"] != "email":
            row["response_kind"] = "open"
        responses.append(row)
    # o2 was always known, o3 is described too late
    described = {"o1": AS_OF.plus(-400).ts, "o2": None, "o3": AS_OF.ts}
    offers = [
        {"offer_id": o, "offer_kind": k, "starts_on": AS_OF.day, "ends_on": AS_OF.day} | {"available_ts": described[o]}
        for o, k in OFFERS.items()
    ]
    return {"contacts": contacts, "responses": responses, "offers": offers}


def sends_of(tables: Tables) -> list[Row]:
    """Known sends, each with what became of it."""
    sent = sorted(known(tables["contacts"]), key=lambda r: (r["event_ts"], r["contact_id"]))
    by_id = {r["contact_id"]: r | {"answers": []} for r in sent}
    for a in tables["responses"]:
        if not (a["event_ts"] < AS_OF.ts and a["available_ts"] is not None and a["available_ts"] < AS_OF.ts):
            continue
        if a["contact_id"] is None:
            (mine,) = known([a]) or [None]
            fits = [
                r
                for r in sent
                if mine is not None
                and (r["customer_id"], r["offer_id"]) == (mine["customer_id"], a["offer_id"])
                and a["channel"] in (None, r["channel"])
                and r["event_ts"] <= a["event_ts"]
            ]
            found = by_id[fits[-1]["contact_id"]] if fits else None
        else:
            found = by_id.get(a["contact_id"])
        if found is not None and a["event_ts"] >= found["event_ts"]:
            found["answers"].append((a["response_kind"], a["event_ts"] - found["event_ts"]))
    return _with_arrivals([_judged(r) for r in by_id.values()])


def _judged(send: Row) -> Row:
    def within(days: int, *kinds: str) -> bool:
        return any(kind in kinds and after < days * DAY for kind, after in send["answers"])

    kinds = {kind for kind, _ in send["answers"]}
    return send | {
        "hour": send["event_ts"].astimezone(ZoneInfo(AS_OF.time_zone)).hour,
        "answer_closed": send["event_ts"] + 7 * DAY <= AS_OF.ts,
        "convert_closed": send["event_ts"] + 28 * DAY <= AS_OF.ts,
        "opened": within(7, "open"),
        "clicked": within(7, "click"),
        "converted": within(28, "redeem", "buy"),
        "refused": within(28, "unsubscribe", "complaint"),
        "bounced": "bounced" in kinds,
        "reported": "delivered" in kinds,
        "proven": bool(kinds - {"bounced"}),
    }


def _with_arrivals(sends: list[Row]) -> list[Row]:
    starts: dict[str, object] = {}
    for s in sends:
        if s["reported"]:
            starts[s["channel"]] = min(starts.get(s["channel"], s["event_ts"]), s["event_ts"])
    for s in sends:
        start = starts.get(s["channel"])
        silent = not s["bounced"] if start is None or s["event_ts"] < start else False
        s["arrived"] = s["proven"] or silent
    return sends


def rate_of(hits: int, tries: int, assumed: float, weight: float = 25.0) -> float | None:
    """The rate of all, from its count and what is assumed; None where nobody ever answered so."""
    return (hits + weight * assumed) / (tries + weight) if hits else None


def smoothed(hits: int, tries: int, rate: float | None, weight: float = 25.0) -> float | None:
    """The rate of one customer, drawn towards that of all; None without a send."""
    return (hits + weight * rate) / (tries + weight) if tries and rate is not None else None
