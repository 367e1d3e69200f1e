"""The report in other people's portals: who a guest is, what they may open, and how often."""
