"""From Slack's events to requests."""
