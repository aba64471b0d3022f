"""The shortest programs that do the same work, for comparison."""
