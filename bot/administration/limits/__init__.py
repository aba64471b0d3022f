"""Limits and budgets: reserved before a model is asked, settled afterwards."""
