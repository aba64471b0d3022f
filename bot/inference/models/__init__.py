"""Loaded models, a file for each of Hugging Face's tasks. This package is imported only in the models' process."""
