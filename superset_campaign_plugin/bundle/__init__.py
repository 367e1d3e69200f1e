"""`datasets/` and `dashboards/` to a Superset bundle, and the bundle into a deployment and out of it again."""
