"""Loads Marketo's bulk activity extracts into one table of the warehouse. Knows no Superset and no report."""
