"""From Discord's events to requests."""
