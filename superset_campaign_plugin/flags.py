"""The words and values that loaders write for yes and no, the same for files that are loaded and for tables."""

from __future__ import annotations

# In lower case. `1.0` is what data frames make of a column with gaps, `b'1'` how MySQL writes a bit.
YES = ("true", "t", "1", "1.0", "yes", "y", "on", "b'1'")
NO = ("false", "f", "0", "0.0", "no", "n", "off", "b'0'")


def read_flag(text: str | None) -> bool | None:
    """What a text says, in whatever case; None for null and for words that are neither yes nor no."""
    word = "" if text is None else text.strip().lower()
    if word in YES:
        return True
    return False if word in NO else None
