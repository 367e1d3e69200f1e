"""The email preview."""
def register(app): pass
