"""A simulated market whose truth is known. Knows nothing of the system that is measured on it."""
