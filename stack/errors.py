"""What stops a stack."""


class StackError(Exception):
    """Something that the person at the keyboard can mend; the message says how."""
