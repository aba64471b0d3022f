"""Tests of the code that several adapters use."""
