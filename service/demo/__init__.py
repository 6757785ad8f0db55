"""`churn-alert demo`: a year of real baskets through a real broker, on a machine that has neither Docker nor Java."""
