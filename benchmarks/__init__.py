"""The benchmarks behind the README's table: `make bench`. Compared figures are measured in the same run."""
