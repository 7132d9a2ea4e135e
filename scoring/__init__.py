"""Channel scores, eligibility, allocation, decisions and their evaluation."""
