"""People, user groups and their rights on Slack."""
