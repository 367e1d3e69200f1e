"""What keeps a server from starting."""


class ServerError(Exception):
    """Something that the person at the keyboard can correct; the message says how."""
