-- What administrators decided. Parts of a key that do not apply are '', never NULL.

CREATE TABLE settings (
    platform  TEXT NOT NULL,
    workspace TEXT NOT NULL,               -- a person's home where person is set
    channel   TEXT NOT NULL,
    thread    TEXT NOT NULL,
    person    TEXT NOT NULL,
    key       TEXT NOT NULL,
    value     TEXT NOT NULL,               -- JSON
    PRIMARY KEY (platform, workspace, channel, thread, person, key)
) WITHOUT ROWID;

CREATE TABLE rules (
    platform     TEXT    NOT NULL,
    workspace    TEXT    NOT NULL,
    subject      TEXT    NOT NULL,         -- everyone, guests, person, role, channel
    subject_id   TEXT    NOT NULL,
    subject_name TEXT    NOT NULL,
    target       TEXT    NOT NULL,         -- bot, command:NAME, model:NAME
    allowed      INTEGER NOT NULL,
    PRIMARY KEY (platform, workspace, subject, subject_id, target)
) WITHOUT ROWID;

CREATE TABLE personas (
    platform  TEXT NOT NULL,
    workspace TEXT NOT NULL,
    name      TEXT NOT NULL,
    prompt    TEXT NOT NULL,
    PRIMARY KEY (platform, workspace, name)
) WITHOUT ROWID;

CREATE TABLE limits (
    platform     TEXT    NOT NULL,
    workspace    TEXT    NOT NULL,
    subject      TEXT    NOT NULL,
    subject_id   TEXT    NOT NULL,
    subject_name TEXT    NOT NULL,
    model        TEXT    NOT NULL,
    unit         TEXT    NOT NULL CHECK (unit IN ('requests', 'tokens', 'money')),
    span         TEXT    NOT NULL CHECK (span IN ('minute', 'hour', 'day', 'month')),
    amount       INTEGER NOT NULL,
    PRIMARY KEY (platform, workspace, subject, subject_id, model, unit, span)
) WITHOUT ROWID;

CREATE TABLE audit (
    id          INTEGER PRIMARY KEY,
    at          INTEGER NOT NULL,
    platform    TEXT    NOT NULL,
    workspace   TEXT    NOT NULL,
    channel     TEXT    NOT NULL,
    thread      TEXT    NOT NULL,
    place_name  TEXT    NOT NULL,
    person      TEXT    NOT NULL,
    person_name TEXT    NOT NULL,
    action      TEXT    NOT NULL,
    target      TEXT    NOT NULL,
    before      TEXT    NOT NULL,
    after       TEXT    NOT NULL,
    announced   INTEGER NOT NULL           -- 0 until it was told in the audit channel
);
CREATE INDEX audit_by_workspace ON audit (platform, workspace, id);
CREATE INDEX audit_unannounced  ON audit (id) WHERE announced = 0;
