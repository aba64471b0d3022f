"""People, user groups and what they may read, as Slack says."""
