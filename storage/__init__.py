"""Databases: one folder each, with its numbered SQL migrations."""
