"""Requests from Discord's events."""
