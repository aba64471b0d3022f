"""Small helpers that several rooms share; none depends on a platform."""
