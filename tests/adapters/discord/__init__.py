"""Tests of the adapter of discord."""
