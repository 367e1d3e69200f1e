"""Runs the report on a database: its figures, what `doctor` finds, and the SQL of the datasets."""
