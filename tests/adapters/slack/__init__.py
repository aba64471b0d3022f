"""Tests of the adapter of slack."""
