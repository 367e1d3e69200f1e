"""What keeps a server from starting."""


class ServerError(Exception):
    """Something that the person at the keyboard can mend; the message says how."""
