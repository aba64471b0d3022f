"""What one would write in ten minutes, to compare with."""
