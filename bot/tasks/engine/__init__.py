"""The code that runs every task."""
