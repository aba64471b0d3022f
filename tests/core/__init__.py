"""Tests of the core, on a memory platform."""
