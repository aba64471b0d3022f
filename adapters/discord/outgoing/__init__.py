"""From replies to Discord's messages."""
