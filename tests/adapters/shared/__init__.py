"""Tests of the adapter of shared."""
