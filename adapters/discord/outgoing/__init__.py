"""Discord messages from replies."""
