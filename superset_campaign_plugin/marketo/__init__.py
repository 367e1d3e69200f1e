"""Marketo's REST API: `client` is how it is asked, `emails` what is asked of it. Knows no Superset."""
