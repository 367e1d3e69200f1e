"""Marketo's Campaign Email Performance report for Apache Superset."""

__version__ = "0.1.0"
