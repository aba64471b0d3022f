"""People and what they may read, as Discord says."""
