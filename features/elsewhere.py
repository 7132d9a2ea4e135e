"""Numbers of the catalogue that are no column of a feature table, and where they are instead."""

ELSEWHERE = {
    21: "order_index: is n_orders_l",
    55: "gift_share: no source states a delivery address or gift wrap",
    119: "interests: rows of customer_tags, one per customer and interest",
    165: "life_event_match: an offer's life events are matched when offers are chosen",
    166: "als_score: the ranker has it as an input of its own",
    167: "itemcf_score: the ranker has it as an input of its own",
}
