"""Contracts of the asset cube and of the tables that a report draws."""

from features.contract import Column as C
from features.contract import Contract
from features.output_tables import AS_OF

UNKNOWN = "unknown"  # the cell of customers of whom it is not known
CELL = ("source", "stage", "tier", "region")
CELL_COLUMNS = (
    C("source", "string", "where the customer came from; unknown where no source says"),
    C("stage", "string", "stage of the life cycle"),
    C("tier", "string", "membership tier; none for who is no member"),
    C("region", "string", "region on record; unknown where none is"),
)
CHANGES = ("kept", "new", "lapsed", "won_back", "moved", "gone", "merged", "split")

ASSET_CUBE = Contract(
    "asset_cube",
    "The customers as an asset: how many (width), how long (length), how valuable (height), by cell.",
    ("as_of", *CELL),
    (
        AS_OF,
        *CELL_COLUMNS,
        C("customers", "long", "width: customers in the cell", low=1),
        C("active_customers", "double", "width: sum of p_alive; null where it was not fitted", True, low=0),
        C("tenure_days", "double", "length: mean days since the first order; null without orders", True, low=0),
        C(
            "exp_orders_365",
            "double",
            "length: orders expected in the next 365 days, sum; null without a fit",
            True,
            low=0,
        ),
        C("net_amt_365", "money", "height: amount of the last 365 days, sum"),
        C("n_cats_365", "double", "height: mean number of categories bought in 365 days", low=0),
        C("clv_365", "double", "height: margin expected in the next 365 days, sum; null without a fit", True),
    ),
    mode="snapshot",
)

ASSET_CHANGES = Contract(
    "asset_changes",
    "From the snapshot before to this one: who came into each cell and who left it, and with what value. Over all "
    "rows customers_in less customers_out is the change in customers; merged and split are changes of what we know of "
    "identities, and their amounts cancel out over all cells.",
    ("as_of", *CELL, "change"),
    (
        AS_OF,
        *CELL_COLUMNS,
        C("change", "string", "why", values=CHANGES),
        C("previous_as_of", "date", "the snapshot that this one is compared with"),
        C("customers_in", "long", "customers that are in the cell now", low=0),
        C("customers_out", "long", "customers that were in the cell before", low=0),
        C("amount_in", "money", "their amount of 365 days now"),
        C("amount_out", "money", "their amount of 365 days before"),
    ),
    mode="snapshot",
)

ACQUISITION_VALUE = Contract(
    "acquisition_value",
    "What customers of a source brought by an age, and what winning them cost. Only customers of at least that age "
    "whose first contact lies within the log of orders.",
    ("as_of", "source", "age_days"),
    (
        AS_OF,
        C("source", "string", "where the customers came from"),
        C("age_days", "int", "days since the first contact", low=1),
        C("customers", "long", "customers of the source who are at least as old", low=1),
        C("ordered_share", "double", "share of them with an order by that age", low=0, high=1),
        C("amount_mean", "double", "mean amount per customer by that age"),
        C("amount_error", "double", "standard error of amount_mean; null for one customer", True, low=0),
        C("margin_mean", "double", "amount_mean times the margin rate of the settings"),
        C("cost_mean", "double", "mean cost of winning them; null where no cost is on record", True, low=0),
        C("is_paid_back", "bool", "whether margin_mean has reached cost_mean; null without a cost", True),
    ),
    mode="snapshot",
)

SALES_BY_MONTH = Contract(
    "sales_by_month",
    "Sales by local calendar month and category, as known at the cut.",
    ("as_of", "month", "category"),
    (
        AS_OF,
        C("month", "date", "first day of the month"),
        C("category", "string", "category; empty for products without one"),
        C("orders", "long", "orders with the category", low=0),
        C("customers", "long", "customers who bought in it", low=0),
        C("units", "long", "units", low=0),
        C("amount", "money", "amount"),
        C("is_whole_month", "bool", "whether the month had ended at the cut"),
    ),
    mode="snapshot",
)

PRODUCT_RANKING = Contract(
    "product_ranking",
    "The products that sell most, and where they stood one window earlier.",
    ("as_of", "window_days", "rank"),
    (
        AS_OF,
        C("window_days", "int", "days before the cut", low=1),
        C("rank", "int", "1 is the largest amount; of equals the smaller product_id", low=1),
        C("product_id", "string", "product"),
        C("amount", "money", "amount"),
        C("units", "long", "units", low=0),
        C("orders", "long", "orders", low=0),
        C("customers", "long", "customers", low=0),
        C("rank_before", "int", "rank in the window before; null when it sold nothing then", True, low=1),
    ),
    mode="snapshot",
)

BASKET_PAIRS = Contract(
    "basket_pairs",
    "Categories that are bought in one order, more or less often than chance would have it.",
    ("as_of", "category_a", "category_b"),
    (
        AS_OF,
        C("category_a", "string", "category"),
        C("category_b", "string", "another category, later in the alphabet"),
        C("orders", "long", "orders with both", low=1),
        C("orders_a", "long", "orders with category_a", low=1),
        C("orders_b", "long", "orders with category_b", low=1),
        C("lift", "double", "orders with both over what independence would give", low=0),
    ),
    mode="snapshot",
)

COHORT_RETENTION = Contract(
    "cohort_retention",
    "Customers by the month of their first order, and how many of them bought in each month after.",
    ("as_of", "cohort_month", "month_no"),
    (
        AS_OF,
        C("cohort_month", "date", "first day of the month of the first order"),
        C("month_no", "int", "months after it; 0 is the month of the first order", low=0),
        C("customers", "long", "customers of the cohort", low=1),
        C("active", "long", "of these, who bought in the month", low=0),
        C("orders", "long", "their orders in the month", low=0),
        C("amount", "money", "their amount in the month"),
        C("retention", "double", "active / customers", low=0, high=1),
    ),
    mode="snapshot",
)

CUBE_TABLES = (
    ASSET_CUBE,
    ASSET_CHANGES,
    ACQUISITION_VALUE,
    SALES_BY_MONTH,
    PRODUCT_RANKING,
    BASKET_PAIRS,
    COHORT_RETENTION,
)
