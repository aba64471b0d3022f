-- What people said to each other, where that is kept; what they thought of answers; what has yet to be cleared away.

CREATE TABLE overheard (
    id       INTEGER PRIMARY KEY,
    place    INTEGER NOT NULL REFERENCES places,
    message  TEXT    NOT NULL,
    position INTEGER NOT NULL,             -- the act's order
    person   TEXT    NOT NULL,
    name     TEXT    NOT NULL,
    text     TEXT    NOT NULL,
    at       INTEGER NOT NULL,
    UNIQUE (place, message)
);
CREATE INDEX overheard_by_place  ON overheard (place, position);
CREATE INDEX overheard_by_person ON overheard (person);

CREATE TABLE votes (
    request INTEGER NOT NULL REFERENCES requests ON DELETE CASCADE,
    person  TEXT    NOT NULL,
    model   TEXT    NOT NULL,
    good    INTEGER NOT NULL,
    at      INTEGER NOT NULL,
    PRIMARY KEY (request, person)
) WITHOUT ROWID;
CREATE INDEX votes_by_person ON votes (person);

CREATE TABLE chores (
    name      TEXT NOT NULL CHECK (name IN ('rewrite', 'departure')),
    platform  TEXT NOT NULL DEFAULT '',
    workspace TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (name, platform, workspace)
) WITHOUT ROWID;

CREATE INDEX turns_by_parent          ON turns (parent) WHERE parent IS NOT NULL;
CREATE INDEX requests_by_person       ON requests (person);
CREATE INDEX requests_by_conversation ON requests (conversation) WHERE conversation IS NOT NULL;
CREATE INDEX requests_by_age          ON requests (place, accepted);
CREATE INDEX conversations_by_person  ON conversations (person);

UPDATE places SET name = '' WHERE thread <> '';  -- Discord's threads may be named by what was asked in them
