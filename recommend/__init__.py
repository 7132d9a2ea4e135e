"""Candidates, ranking features, lists, categories, reasons and ranking metrics."""
