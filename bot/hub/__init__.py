"""Models from the Hugging Face Hub: search, admission by the operator's rules, and download in a child process."""
