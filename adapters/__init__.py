"""One folder or file a platform; each translates a platform's events into requests and replies back."""
