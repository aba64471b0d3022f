"""One file a command, each offering COMMAND and `run(services, accepted) -> Reply`."""
