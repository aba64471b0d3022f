"""Code that several platforms use."""
