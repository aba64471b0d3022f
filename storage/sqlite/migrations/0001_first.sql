-- Times are milliseconds since 1970, UTC. Texts that identify are never NULL, so that UNIQUE means it.

CREATE TABLE places (
    id        INTEGER PRIMARY KEY,
    platform  TEXT    NOT NULL,
    workspace TEXT    NOT NULL,
    channel   TEXT    NOT NULL,
    thread    TEXT    NOT NULL,
    direct    INTEGER NOT NULL,
    name      TEXT    NOT NULL,
    UNIQUE (platform, workspace, channel, thread)
);

CREATE TABLE conversations (
    id      INTEGER PRIMARY KEY,
    place   INTEGER NOT NULL REFERENCES places,
    person  TEXT    NOT NULL,              -- who began it
    private INTEGER NOT NULL,
    active  INTEGER NOT NULL,              -- time of its newest act
    closed  INTEGER NOT NULL DEFAULT 0     -- when it was left, 0 while it is open
);
CREATE INDEX conversations_by_place ON conversations (place, active);

CREATE TABLE conversation_settings (
    conversation INTEGER NOT NULL REFERENCES conversations ON DELETE CASCADE,
    key          TEXT    NOT NULL,
    value        TEXT    NOT NULL,
    PRIMARY KEY (conversation, key)
) WITHOUT ROWID;

CREATE TABLE requests (
    id           INTEGER PRIMARY KEY,
    platform     TEXT    NOT NULL,
    workspace    TEXT    NOT NULL,
    act          TEXT    NOT NULL,
    position     INTEGER NOT NULL,         -- the act's order
    place        INTEGER NOT NULL REFERENCES places,
    conversation INTEGER REFERENCES conversations ON DELETE SET NULL,
    person       TEXT    NOT NULL,
    message      TEXT    NOT NULL,         -- the asking message, '' for a slash command
    state        TEXT    NOT NULL CHECK (state IN ('accepted', 'answered', 'done', 'undeliverable', 'dropped')),
    attempts     INTEGER NOT NULL,         -- at answering, the first included
    body         TEXT,                     -- the request as JSON, until it ends
    answer       TEXT,                     -- the answer as JSON, from 'answered' until it ends
    accepted     INTEGER NOT NULL,
    ended        INTEGER,
    UNIQUE (platform, workspace, act)
);
CREATE INDEX requests_unfinished ON requests (platform, id) WHERE ended IS NULL;
CREATE INDEX requests_by_message ON requests (message) WHERE message <> '';
CREATE INDEX requests_by_place   ON requests (place, position);

CREATE TABLE drafts (
    request INTEGER NOT NULL REFERENCES requests ON DELETE CASCADE,
    part    INTEGER NOT NULL,
    text    TEXT    NOT NULL,              -- as first sent, until the request ends
    message TEXT    NOT NULL DEFAULT '',
    PRIMARY KEY (request, part)
) WITHOUT ROWID;
CREATE INDEX drafts_by_message ON drafts (message) WHERE message <> '';

CREATE TABLE turns (
    id           INTEGER PRIMARY KEY,
    conversation INTEGER NOT NULL REFERENCES conversations ON DELETE CASCADE,
    parent       INTEGER REFERENCES turns ON DELETE SET NULL,
    request      INTEGER NOT NULL REFERENCES requests ON DELETE CASCADE,
    role         TEXT    NOT NULL CHECK (role IN ('user', 'assistant')),
    person       TEXT    NOT NULL,
    name         TEXT    NOT NULL,
    text         TEXT    NOT NULL,
    model        TEXT    NOT NULL,
    complete     INTEGER NOT NULL,
    created      INTEGER NOT NULL
);
CREATE INDEX turns_by_conversation ON turns (conversation, id);
CREATE INDEX turns_by_request      ON turns (request);

CREATE TABLE usage (
    request           INTEGER PRIMARY KEY REFERENCES requests ON DELETE CASCADE,
    place             INTEGER NOT NULL REFERENCES places,
    person            TEXT    NOT NULL,
    model             TEXT    NOT NULL,
    prompt_tokens     INTEGER NOT NULL,
    completion_tokens INTEGER NOT NULL,
    created           INTEGER NOT NULL
);
