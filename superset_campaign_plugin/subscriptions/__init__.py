"""The report by mail, and alerts about it, by Superset's own reports and alerts."""
