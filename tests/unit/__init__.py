"""Tests of small helpers and the configuration."""
