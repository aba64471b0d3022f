"""`make bench`: the table in the README, reproduced. Ratios and counts, measured side by side in one run."""
