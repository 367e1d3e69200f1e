"""How fast the report is: `make bench` makes the data, measures, and writes README.md and results.json beside this."""
