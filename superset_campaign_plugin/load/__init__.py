"""Loading Marketo's bulk activity extracts into the warehouse, for the `bulk` layout."""
