-- Models that administrators added from the Hub, beside those of config.toml.

CREATE TABLE catalogue (
    name      TEXT    PRIMARY KEY,         -- as people call it
    model     TEXT    NOT NULL,            -- organisation/name
    revision  TEXT    NOT NULL CHECK (length(revision) = 40),
    task      TEXT    NOT NULL,            -- in the Hub's words, and "chat"
    licence   TEXT    NOT NULL,            -- '' where none is stated
    size      INTEGER NOT NULL,            -- of all its files, in bytes
    platform  TEXT    NOT NULL,            -- where it was added
    workspace TEXT    NOT NULL
) WITHOUT ROWID;
