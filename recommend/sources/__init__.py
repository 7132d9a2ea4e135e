"""Where candidates come from, one module per source; `registry.py` lists them."""
