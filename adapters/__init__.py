"""The adapters: one folder for each platform, which turns its events into requests and sends replies back."""
