"""Features of (customer, item) pairs, one idea per module; `recommend/pair_features.py` puts them side by side."""
