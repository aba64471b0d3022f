"""Tests of whole conversations, the same on every platform."""
