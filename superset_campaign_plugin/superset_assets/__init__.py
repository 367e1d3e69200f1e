"""What the plugin ships as assets of Superset, by which identities, and what of it is installed."""
