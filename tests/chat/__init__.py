"""The parts of a question and its answer."""
