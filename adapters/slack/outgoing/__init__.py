"""From replies to Slack's messages."""
