"""Small, pure helpers that know no platform."""
