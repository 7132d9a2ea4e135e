"""The asset cube and the tables behind a report: customers, value, cohorts, sales."""
