"""The tag sheet: what a customer is called, why, since when and until when.

A tag is a feature, a threshold, a least support and an expiry. `tag_rules.py` lists the rules, one object each.
"""
