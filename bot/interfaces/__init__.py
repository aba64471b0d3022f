"""The contract with the outside: values and protocols, on the standard library only."""
