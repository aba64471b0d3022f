-- One row a call of a model; a request may have made several. What people are called is kept as it was then. The rows
-- outlive their requests: limits are counted by them.

ALTER TABLE usage RENAME TO usage_before;

CREATE TABLE usage (
    id                INTEGER PRIMARY KEY,
    request           INTEGER REFERENCES requests ON DELETE SET NULL,
    at                INTEGER NOT NULL,    -- when it began
    platform          TEXT    NOT NULL,
    workspace         TEXT    NOT NULL,
    channel           TEXT    NOT NULL,
    thread            TEXT    NOT NULL,
    direct            INTEGER NOT NULL,
    place_name        TEXT    NOT NULL,
    person            TEXT    NOT NULL,
    person_name       TEXT    NOT NULL,
    home              TEXT    NOT NULL,    -- the workspace that the person's id belongs to
    model             TEXT    NOT NULL,
    prompt_tokens     INTEGER NOT NULL,
    completion_tokens INTEGER NOT NULL,
    cost              INTEGER NOT NULL,    -- millionths of the currency
    succeeded         INTEGER NOT NULL
);

INSERT INTO usage
SELECT
    NULL, request, created, platform, workspace, channel, thread, direct,
    iif(thread = '', places.name, ''),     -- Discord's threads may be named by what was asked in them
    person,
    coalesce((SELECT name FROM turns WHERE turns.request = usage_before.request AND role = 'user'), ''),
    '', model, prompt_tokens, completion_tokens, 0, 1
FROM usage_before JOIN places ON places.id = usage_before.place;

DROP TABLE usage_before;

CREATE INDEX usage_by_time    ON usage (at);
CREATE INDEX usage_by_person  ON usage (platform, workspace, person, at);
CREATE INDEX usage_by_request ON usage (request);
