"""Slack messages from replies."""
