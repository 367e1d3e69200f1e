"""What stops a stack."""

from servers.errors import ServerError


class StackError(ServerError):
    """Something that the person at the keyboard can correct; the message says how."""
