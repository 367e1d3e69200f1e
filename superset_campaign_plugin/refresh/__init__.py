"""Stored records and rollups: the report's figures kept in tables of their own, and kept up to date."""
