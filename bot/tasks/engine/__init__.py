"""The machinery that every task runs on."""
