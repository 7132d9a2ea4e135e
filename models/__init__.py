"""ALS, baselines, ranker, response, calibration and their metrics."""
