"""Table contracts, data quality, time splits and customer features. Imports nothing of ours."""
