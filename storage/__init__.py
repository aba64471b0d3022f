"""Where conversations are kept: one file a database, numbered SQL migrations beside it."""
