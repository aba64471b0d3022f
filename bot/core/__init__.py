"""The way of a request: intake, request queue, dispatcher, delivery."""
