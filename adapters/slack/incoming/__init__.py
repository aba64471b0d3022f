"""Requests from Slack's events."""
