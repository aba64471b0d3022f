"""People, and their rights on Discord."""
