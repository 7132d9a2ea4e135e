# SQL reads better unbroken
# ruff: noqa: E501
"""Sixty columns of the feature snapshot as a person would write them in DuckDB SQL: the yardstick of bench_features.py."""

from __future__ import annotations

WINDOWS = (7, 30, 90, 180, 365)

SUBSET = (
    *("recency_days", "n_orders_7", "n_orders_30", "n_orders_90", "n_orders_180", "n_orders_365", "n_orders_l"),
    *("net_amt_7", "net_amt_30", "net_amt_90", "net_amt_180", "net_amt_365", "net_amt_l"),
    *("aov_7", "aov_30", "aov_90", "aov_180", "aov_365", "max_order_amt_30", "max_order_amt_90", "max_order_amt_365"),
    *("line_amt_p50_365", "line_amt_p90_365", "amt_trend", "amt_ratio_90_365"),
    *("r_score", "f_score", "m_score", "rfm_cell", "share_of_value_pct"),
    *("ipt_n", "ipt_mean", "ipt_median", "ipt_std", "overdue_ratio", "days_first_to_second", "days_since_first_order"),
    *("active_months_share", "n_cats_30", "n_cats_90", "n_cats_365", "cat_entropy_365", "top_cat_1", "top_cat_2"),
    *("top_cat_3", "top_cat_1_share", "new_cat_rate_365", "top_brand", "brand_share_top1", "brand_switch_rate"),
    *("own_brand_share", "price_band_mode", "price_pctl_mean", "max_price_pctl", "discount_depth_90"),
    *("discount_depth_365", "discounted_line_share_365", "coupon_amt_share", "units_per_order", "cats_per_order"),
)


def statements(folder: str, cut: str, day: str, zone: str) -> list[str]:
    """SQL statements that read `folder` and leave the table `wide`: customer_id and the columns of SUBSET.

    `cut` is the UTC timestamp of the cut, `day` its local day. Steps that are used more than once are temporary
    tables, as DuckDB keeps them in memory.
    """
    return [
        _lines(folder, cut, day, zone),
        _orders(day, zone),
        "create or replace temp table pctl as select category, u, mid / whole pctl, (mid * 5 // whole + 1)::int band "
        "from (select category, u, 2 * sum(n) over (partition by category order by u) - n mid, "
        "2 * sum(n) over (partition by category) whole from (select category, u, count(*)::bigint n from lines "
        "where days_ago <= 365 and u is not null group by all))",
        _categories(),
        _wide(),
    ]


def _lines(folder: str, cut: str, day: str, zone: str) -> str:
    return f"""create or replace temp table lines as
with m as (select account_id, customer_id from read_parquet('{folder}/customer_map.parquet')
  where valid_from < '{cut}' and (valid_to is null or valid_to >= '{cut}')
  qualify row_number() over (partition by account_id order by valid_from desc) = 1),
v as (select product_id, category, brand, own_brand, coalesce(valid_from, timestamptz '1900-01-01') f
  from read_parquet('{folder}/products.parquet') where valid_from is null or valid_from < '{cut}'),
p as (select product_id, category, brand, own_brand, lead(f, 1, timestamptz '{cut}') over w until,
  case when row_number() over w = 1 then timestamptz '1900-01-01' else f end since
  from v window w as (partition by product_id order by f))
select customer_id, order_id, event_ts, date '{day}' - (event_ts at time zone '{zone}')::date days_ago,
  quantity, amount, list_amount, coupon_amount, category, brand, own_brand,
  case when category is not null and list_amount > 0 and quantity > 0
    then floor((2 * (list_amount * 100)::bigint + quantity) / (2 * quantity))::bigint end u
from read_parquet('{folder}/transactions.parquet') t join m using (account_id)
  left join p on t.product_id = p.product_id and event_ts >= since and event_ts < until
where event_ts < '{cut}' and available_ts < '{cut}'"""


def _orders(day: str, zone: str) -> str:
    return f"""create or replace temp table orders as
select *, date '{day}' - (ts at time zone '{zone}')::date days_ago from (
select customer_id, order_id, min(event_ts) ts, sum(quantity)::bigint n_units, sum(amount)::decimal(18,2) amount,
  sum(coupon_amount)::decimal(18,2) coupon, sum(list_amount) filter (list_amount > 0) ll,
  sum(amount) filter (list_amount > 0) lp, count(*) filter (list_amount > 0) nl,
  count(*) filter (list_amount > 0 and amount < list_amount * 0.9) nd,
  sum(amount) filter (own_brand) own, sum(amount) filter (own_brand is not null) branded
from lines group by all)"""


def _categories() -> str:
    return """create or replace temp table categories as
with o as (select customer_id, category, order_id, max(days_ago) days_ago, count(*) nl, sum(amount)::decimal(18,2) amount
  from lines where category is not null group by all)
select customer_id, category, count(*) filter (days_ago <= 365) n_orders_365,
  coalesce(sum(amount) filter (days_ago <= 365), 0)::decimal(18,2) amt_365,
  coalesce(sum(nl) filter (days_ago <= 365), 0) n_lines_365, min(days_ago) recency_days,
  case when max(days_ago) <= 365 then max(days_ago * 1048576 + nl) % 1048576 else 0 end new_lines_365
from o group by all"""


def _wide() -> str:
    per = ", ".join(
        f"count(*) filter (days_ago <= {w}) n_orders_{w}, "
        f"coalesce(sum(amount) filter (days_ago <= {w}), 0)::decimal(18,2) net_amt_{w}, "
        f"avg(amount::double) filter (days_ago <= {w}) aov_{w}"
        for w in WINDOWS
    )
    largest = ", ".join(f"max(amount) filter (days_ago <= {w}) max_order_amt_{w}" for w in (30, 90, 365))
    depth = ", ".join(
        f"case when sum(ll) filter (days_ago <= {w}) > 0 then 1 - sum(lp) filter (days_ago <= {w})::double / "
        f"sum(ll) filter (days_ago <= {w})::double end discount_depth_{w}"
        for w in (90, 365)
    )
    n_cats = ", ".join(f"count(*) filter (recency_days <= {w}) n_cats_{w}" for w in (30, 90, 365))
    tops = ", ".join(f"max(case when r = {i} and amt_365 > 0 then category end) top_cat_{i}" for i in (1, 2, 3))
    bands = ", ".join(f"count(*) filter (band = {b}) b{b}" for b in range(1, 6))
    mode = " ".join(f"when b{b} = greatest(b1, b2, b3, b4, b5) then {b}" for b in range(1, 6))
    return f"""create or replace temp table wide as
with a as (select customer_id, min(days_ago) recency_days, count(*) n_orders_l,
    sum(amount)::decimal(18,2) net_amt_l, {per}, {largest}, {depth},
    case when count(*) filter (days_ago <= 365) > 0 then
      coalesce(sum(amount * (11 - 2 * ((days_ago - 1) // 30))) filter (days_ago <= 360), 0)::double / 286 end amt_trend,
    case when sum(nl) filter (days_ago <= 365) > 0 then sum(nd) filter (days_ago <= 365) /
      sum(nl) filter (days_ago <= 365) end discounted_line_share_365,
    sum(coupon) filter (days_ago <= 365)::double / sum(amount) filter (days_ago <= 365)::double coupon_amt_share,
    coalesce(sum(own) filter (days_ago <= 365), 0)::double / sum(branded) filter (days_ago <= 365)::double own_brand_share,
    sum(n_units) filter (days_ago <= 365) / count(*) filter (days_ago <= 365) units_per_order
  from orders group by all),
ln as (select customer_id, quantile_cont(amount::double, [0.5, 0.9]) y from lines where days_ago <= 365 group by all),
od as (select customer_id, days_ago, count(*) n, lag(days_ago) over f - days_ago gap, row_number() over f k,
    row_number() over (partition by customer_id order by days_ago) recent
  from orders group by customer_id, days_ago window f as (partition by customer_id order by days_ago desc)),
b as (select customer_id, count(gap) filter (recent <= 20) ipt_n,
    avg(gap) filter (recent <= 20) ipt_mean, quantile_cont(gap, 0.5) filter (recent <= 20) ipt_median,
    stddev_samp(gap) filter (recent <= 20) ipt_std, min(days_ago) / ipt_median overdue_ratio,
    coalesce(max(0) filter (k = 1 and n > 1), min(gap) filter (k = 2)) days_first_to_second,
    max(days_ago) days_since_first_order,
    count(distinct (days_ago - 1) // 30) filter (days_ago <= 360) / least(ceil(max(days_ago) / 30), 12) active_months_share
  from od group by all),
c as (select customer_id, {n_cats}, {tops}, sum(new_lines_365) / sum(n_lines_365) new_cat_rate_365, sum(n_orders_365) cat_orders,
    max(amt_365)::double / sum(amt_365)::double top_cat_1_share,
    ln(sum(amt_365::double)) - sum(amt_365 * ln(amt_365::double)) filter (amt_365 > 0) / sum(amt_365::double) cat_entropy_365
  from (select *, row_number() over (partition by customer_id order by amt_365 desc, category) r from categories)
  group by all),
br as (select customer_id, arg_min(brand, r) filter (amount > 0) top_brand, max(amount)::double / sum(amount)::double brand_share_top1
  from (select *, row_number() over (partition by customer_id order by amount desc, brand) r from (
    select customer_id, brand, sum(amount) amount from lines where brand is not null and days_ago <= 365 group by all))
  group by all),
sw as (select customer_id, count(*) filter (pb <> brand) / count(pb) brand_switch_rate from (
    select customer_id, brand, lag(brand) over (partition by customer_id, category order by event_ts, brand) pb
    from lines where brand is not null and category is not null and days_ago <= 365) group by all),
pr as (select customer_id, case {mode} end price_band_mode, price_pctl_mean, max_price_pctl from (
    select customer_id, {bands}, avg(pctl) price_pctl_mean, max(pctl) max_price_pctl
    from lines join pctl using (category, u) where days_ago <= 365 group by all)),
w as (select a.*, y[1] line_amt_p50_365, y[2] line_amt_p90_365,
    case when net_amt_365 > 0 then net_amt_90::double * 365 / (net_amt_365::double * 90) end amt_ratio_90_365,
    b.* exclude (customer_id), c.* exclude (customer_id), br.* exclude (customer_id), sw.* exclude (customer_id),
    pr.* exclude (customer_id)
  from a left join ln using (customer_id) join b using (customer_id) left join c using (customer_id)
  left join br using (customer_id) left join sw using (customer_id) left join pr using (customer_id)),
cuts as (select quantile_cont(recency_days::double, [.2, .4, .6, .8]) r, quantile_cont(n_orders_365::double, [.2, .4, .6, .8]) f,
    quantile_cont(net_amt_365::double, [.2, .4, .6, .8]) m from w where n_orders_365 > 0),
active as (select customer_id, percent_rank() over (order by net_amt_365) pct,
    5 - len(list_filter(cuts.r, lambda x: recency_days > x)) r_score,
    1 + len(list_filter(cuts.f, lambda x: n_orders_365 > x)) f_score,
    1 + len(list_filter(cuts.m, lambda x: net_amt_365 > x)) m_score from w cross join cuts where n_orders_365 > 0)
select w.* exclude (cat_orders), coalesce(cat_orders, 0) / nullif(n_orders_365, 0) cats_per_order, r_score, f_score, m_score,
  r_score * 100 + f_score * 10 + m_score rfm_cell, round(pct, 6) share_of_value_pct
from w left join active using (customer_id)"""
