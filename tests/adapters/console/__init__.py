"""Tests of the adapter of console."""
