"""The tasks, through the core in memory."""
