"""Inference with local pretrained models, in a child process that exchanges lines of JSON with the bot."""
