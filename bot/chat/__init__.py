"""Asking a model: prompt, completion, images, reasoning, buttons."""
