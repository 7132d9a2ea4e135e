# SQL reads better unbroken
# ruff: noqa: E501
"""The feature snapshot as a person would write it in DuckDB SQL: the yardstick of bench_features.py."""

from __future__ import annotations

WINDOWS = (7, 30, 90, 180, 365)


def statements(folder: str, cut: str, day: str, zone: str) -> list[str]:
    """SQL statements that read `folder` and leave the tables `wide` and `categories`.

    `cut` is the UTC timestamp of the cut, `day` its local day. Shared steps are temporary tables, as DuckDB keeps
    them in memory.
    """
    return [
        _lines(folder, cut, day, zone),
        _orders(day, zone),
        "create or replace temp table priced as select customer_id, category, u, count(*) n from (select customer_id, "
        "category, floor((2 * (list_amount * 100)::bigint + quantity) / (2 * quantity))::bigint u from lines where "
        "days_ago <= 365 and category is not null and list_amount > 0 and quantity > 0) group by all",
        "create or replace temp table pctl as select category, u, mid / whole pctl, (mid * 5 // whole + 1)::int band "
        "from (select category, u, 2 * sum(n) over (partition by category order by u) - n mid, "
        "2 * sum(n) over (partition by category) whole from (select category, u, sum(n)::bigint n from priced group by all))",
        _category_base(),
        _categories(),
        _wide(day),
    ]


def _lines(folder: str, cut: str, day: str, zone: str) -> str:
    return f"""create or replace temp table lines as
with m as (select account_id, customer_id from read_parquet('{folder}/customer_map.parquet')
  where valid_from < '{cut}' and (valid_to is null or valid_to >= '{cut}')
  qualify row_number() over (partition by account_id order by valid_from desc) = 1),
p as (select product_id, category, brand, own_brand from read_parquet('{folder}/products.parquet')
  where valid_from is null or valid_from < '{cut}'
  qualify row_number() over (partition by product_id order by valid_from desc nulls last, category) = 1)
select customer_id, order_id, event_ts,
  date '{day}' - (event_ts at time zone '{zone}')::date days_ago,
  quantity, amount, list_amount, coupon_amount, category, brand, own_brand
from read_parquet('{folder}/transactions.parquet') t join m using (account_id) left join p using (product_id)
where event_ts < '{cut}' and available_ts < '{cut}'"""


def _orders(day: str, zone: str) -> str:
    return f"""create or replace temp table orders as
select *, date '{day}' - local::date days_ago, hour(local) h, isodow(local) wd, day(local) md from (
select customer_id, order_id, min(event_ts) at time zone '{zone}' as local, count(*) n_lines, sum(quantity) n_units,
  sum(amount)::decimal(18,2) amount, sum(coupon_amount)::decimal(18,2) coupon,
  sum(list_amount) filter (list_amount > 0) ll, sum(amount) filter (list_amount > 0) lp,
  count(*) filter (list_amount > 0) nl, count(*) filter (list_amount > 0 and amount < list_amount * 0.9) nd,
  count(*) filter (list_amount > 0 and amount >= list_amount) nf, sum(amount) filter (own_brand) own,
  sum(amount) filter (own_brand is not null) branded
from lines group by all)"""


def _category_base() -> str:
    return """create or replace temp table base as
with o as (select customer_id, category, order_id, max(days_ago) days_ago, count(*) nl, sum(amount)::decimal(18,2) amount
  from lines where category is not null group by all),
g as (select *, lag(days_ago) over (partition by customer_id, category order by days_ago desc) - days_ago gap from o)
select customer_id, category,
  count(*) filter (days_ago <= 90) n_orders_90, count(*) filter (days_ago <= 365) n_orders_365, count(*) n_orders_l,
  coalesce(sum(amount) filter (days_ago <= 90), 0)::decimal(18,2) amt_90,
  coalesce(sum(amount) filter (days_ago <= 365), 0)::decimal(18,2) amt_365, sum(amount)::decimal(18,2) amt_l,
  coalesce(sum(nl) filter (days_ago <= 365), 0) n_lines_365,
  case when max(days_ago) <= 365 then max(days_ago * 1048576 + nl) % 1048576 else 0 end new_lines_365,
  min(days_ago) recency_days, max(days_ago) days_since_first, count(gap) filter (gap > 0) ipt_n,
  quantile_cont(gap, 0.5) filter (gap > 0) ipt_median,
  sum(10 * pow(2, -days_ago / 14)) affinity_short, sum(10 * pow(2, -days_ago / 60)) affinity_long
from g group by all"""


def _categories() -> str:
    return """create or replace temp table categories as
with s as (select category, sum(amt_365)::double / (select sum(amt_365)::double from base) pop
  from base where amt_365 > 0 group by all),
k as (select 0.1 * sum(amt_365)::double / count(distinct customer_id) prior from base where amt_365 > 0),
t as (select *, sum(amt_90) over c t90, sum(amt_365) over c t365 from base window c as (partition by customer_id))
select t.* exclude (t90, t365), recency_days / ipt_median overdue_ratio,
  case when t90 > 0 then amt_90::double / t90::double end share_90,
  case when t365 > 0 then amt_365::double / t365::double end share_365,
  case when t365 > 0 then (amt_365::double + prior * pop) / (t365::double + prior) / pop end lift_365
from t left join s using (category) cross join k"""


def _wide(day: str) -> str:
    per = ", ".join(
        f"count(*) filter (days_ago <= {w}) n_orders_{w}, "
        f"coalesce(sum(amount) filter (days_ago <= {w}), 0)::decimal(18,2) net_amt_{w}, "
        f"max(amount) filter (days_ago <= {w}) max_order_amt_{w}, "
        f"avg(amount::double) filter (days_ago <= {w}) aov_{w}, "
        f"case when sum(ll) filter (days_ago <= {w}) > 0 then 1 - sum(lp) filter (days_ago <= {w})::double / "
        f"sum(ll) filter (days_ago <= {w})::double end discount_depth_{w}, "
        f"case when sum(nl) filter (days_ago <= {w}) > 0 then sum(nd) filter (days_ago <= {w}) / "
        f"sum(nl) filter (days_ago <= {w}) end discounted_line_share_{w}"
        for w in WINDOWS
    )
    n_cats = ", ".join(f"count(*) filter (recency_days <= {w}) n_cats_{w}" for w in WINDOWS)
    tops = ", ".join(
        f"max(case when r = {i} and amt_365 > 0 then category end) top_cat_{i}, "
        f"max(case when r = {i} and amt_365 > 0 then share_365 end) top_cat_{i}_share"
        for i in (1, 2, 3)
    )
    entropy = ", ".join(f"-sum(share_{w} * ln(share_{w})) filter (share_{w} > 0) cat_entropy_{w}" for w in (90, 365))
    names = ("night", "early", "morning", "midday", "afternoon", "evening")
    days = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    parts = ", ".join(f"coalesce(sum(n) filter (part = '{p}'), 0) / sum(n) daypart_{p}_share" for p in names)
    dows = ", ".join(f"coalesce(sum(n) filter (wd = {i}), 0) / sum(n) dow_{d}_share" for i, d in enumerate(days, 1))
    bands = ", ".join(f"coalesce(sum(n) filter (band = {b}), 0) / sum(n) price_band_share_{b}" for b in range(1, 6))
    mode = " ".join(
        f"when price_band_share_{b} = greatest({', '.join(f'price_band_share_{x}' for x in range(1, 6))}) then {b}"
        for b in range(1, 6)
    )
    return f"""create or replace temp table wide as
with a as (select customer_id, true has_orders, min(days_ago) recency_days, count(*) n_orders_l,
    sum(amount)::decimal(18,2) net_amt_l, {per},
    case when count(*) filter (days_ago <= 365) > 0 then
      coalesce(sum(amount * (11 - 2 * ((days_ago - 1) // 30))) filter (days_ago <= 360), 0)::double / 286 end amt_trend,
    case when sum(nl) filter (days_ago <= 365) > 0 then sum(nf) filter (days_ago <= 365) /
      sum(nl) filter (days_ago <= 365) end full_price_share,
    sum(coupon) filter (days_ago <= 365)::double / sum(amount) filter (days_ago <= 365)::double coupon_amt_share,
    coalesce(sum(own) filter (days_ago <= 365), 0)::double / sum(branded) filter (days_ago <= 365)::double own_brand_share,
    sum(n_units) filter (days_ago <= 365) / count(*) filter (days_ago <= 365) units_per_order,
    sum(n_lines) filter (days_ago <= 365) / count(*) filter (days_ago <= 365) lines_per_order,
    count(*) filter (days_ago <= 365) o365
  from orders group by all),
ln as (select customer_id, quantile_cont(amount::double, [0.5, 0.9]) filter (days_ago <= 365) y,
    quantile_cont(amount::double, [0.5, 0.9]) l from lines group by all),
od as (select customer_id, days_ago, count(*) n, lag(days_ago) over f - days_ago gap, row_number() over f k,
    row_number() over (partition by customer_id order by days_ago) recent
  from orders group by customer_id, days_ago window f as (partition by customer_id order by days_ago desc)),
b as (select customer_id, count(gap) filter (recent <= 20) ipt_n, ipt_n > 0 has_rhythm,
    avg(gap) filter (recent <= 20) ipt_mean, quantile_cont(gap, 0.5) filter (recent <= 20) ipt_median,
    stddev_samp(gap) filter (recent <= 20) ipt_std, ipt_std / ipt_mean ipt_cv, min(days_ago) / ipt_median overdue_ratio,
    case when ipt_std > 0 then (min(days_ago) - ipt_mean) / ipt_std end overdue_z,
    date '{day}' - min(days_ago)::int + floor(ipt_median + 0.5)::int expected_next_date,
    coalesce(max(0) filter (k = 1 and n > 1), min(gap) filter (k = 2)) days_first_to_second,
    max(days_ago) days_since_first_order,
    count(distinct (days_ago - 1) // 30) filter (days_ago <= 360) / least(ceil(max(days_ago) / 30), 12) active_months_share
  from od group by all),
c as (select customer_id, {n_cats}, {tops}, {entropy}, sum(new_lines_365) / sum(n_lines_365) new_cat_rate_365, sum(n_orders_365) cat_orders
  from (select *, row_number() over (partition by customer_id order by amt_365 desc, category) r from categories)
  group by all),
br as (select customer_id, arg_min(brand, r) filter (amount > 0) top_brand, max(amount)::double / sum(amount)::double brand_share_top1,
    sum(amount::double * amount::double) / (sum(amount)::double * sum(amount)::double) brand_hhi
  from (select *, row_number() over (partition by customer_id order by amount desc, brand) r from (
    select customer_id, brand, sum(amount) amount from lines where brand is not null and days_ago <= 365 group by all))
  group by all),
sw as (select customer_id, count(*) filter (pb <> brand) / count(pb) brand_switch_rate from (
    select customer_id, brand, lag(brand) over (partition by customer_id, category order by event_ts, brand) pb
    from lines where brand is not null and category is not null and days_ago <= 365) group by all),
pr as (select *, case {mode} end price_band_mode from (
    select customer_id, {bands}, sum(n * pctl) / sum(n) price_pctl_mean, max(pctl) max_price_pctl
    from priced join pctl using (category, u) group by all)),
cells as (select customer_id, wd, case when h >= 23 or h < 5 then 'night' when h < 9 then 'early' when h < 12 then 'morning'
    when h < 15 then 'midday' when h < 18 then 'afternoon' else 'evening' end part, count(*) n,
    count(*) filter (md >= 25 or md <= 5) pd
    from (select distinct customer_id, days_ago, wd, h, md from orders where days_ago <= 180) group by all),
lifted as (select *, ['mon','tue','wed','thu','fri','sat','sun'][wd] || '_' || part cell,
    round((n / sum(n) over (partition by customer_id)) / (sum(n) over (partition by wd, part) / sum(n) over ()), 6) lift from cells),
best as (select *, n >= 5 and lift >= 1.5 ok, row_number() over (partition by customer_id
    order by (n >= 5 and lift >= 1.5) desc, n desc, lift desc, cell) r from lifted),
f as (select customer_id, {parts}, {dows}, max(cell) filter (ok and r = 1) dow_daypart_top,
    max(lift) filter (ok and r = 1) dow_daypart_top_lift,
    coalesce(sum(n) filter (wd >= 6), 0) * 7 / (sum(n) * 2) weekend_ratio,
    sum(pd) / (sum(n) * (select avg((day(x::date) >= 25 or day(x::date) <= 5)::int)
      from generate_series(date '{day}' - 180, date '{day}' - 1, interval 1 day) g(x))) payday_ratio
  from best group by all),
w as (select a.*, y[1] line_amt_p50_365, y[2] line_amt_p90_365, l[1] line_amt_p50_l, l[2] line_amt_p90_l,
    b.* exclude (customer_id), c.* exclude (customer_id), br.* exclude (customer_id), sw.* exclude (customer_id),
    pr.* exclude (customer_id), f.* exclude (customer_id)
  from (select *, case when net_amt_365 > 0 then net_amt_90::double * 365 / (net_amt_365::double * 90) end amt_ratio from a) a
  join ln using (customer_id) join b using (customer_id) left join c using (customer_id) left join br using (customer_id)
  left join sw using (customer_id) left join pr using (customer_id) left join f using (customer_id)),
cuts as (select quantile_cont(recency_days::double, [.2, .4, .6, .8]) r, quantile_cont(n_orders_365::double, [.2, .4, .6, .8]) f,
    quantile_cont(net_amt_365::double, [.2, .4, .6, .8]) m from w where n_orders_365 > 0)
select * exclude (amt_ratio, o365, cat_orders), amt_ratio amt_ratio_90_365, coalesce(cat_orders, 0) / o365 cats_per_order, r_score * 100 + f_score * 10 + m_score rfm_cell,
  share_of_value_pct >= 0.8 is_top20_value,
  case when r_score >= 4 and f_score >= 4 and m_score >= 4 then 'champions' when r_score >= 3 and f_score >= 4 then 'loyal'
    when r_score >= 3 and m_score >= 4 then 'big_spenders' when r_score >= 4 and f_score <= 2 then 'recent_light'
    when r_score >= 3 then 'steady' when f_score >= 3 then 'at_risk' when m_score >= 3 then 'fading_spenders'
    else 'hibernating' end rfm_segment
from (select w.*, 5 - len(list_filter(cuts.r, lambda x: recency_days > x)) r_score,
    1 + len(list_filter(cuts.f, lambda x: n_orders_365 > x)) f_score,
    1 + len(list_filter(cuts.m, lambda x: net_amt_365 > x)) m_score,
    round(percent_rank() over (order by net_amt_365), 6) share_of_value_pct from w cross join cuts)"""
