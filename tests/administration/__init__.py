"""Administrators' settings, limits, rights and retention, through the core in memory."""
