"""What `nextbest evaluate recommender` can be run on: one module per source of purchases."""
