"""Models from the Hugging Face Hub: found, judged by the operator's rules, and downloaded by a process of its own."""
