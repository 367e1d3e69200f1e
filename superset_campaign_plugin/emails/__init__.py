"""Emails by their keys, and the HTML that they were sent with."""
