-- One row: the revision of the last change to anything below. Never goes back, so that an id that is
-- deleted and made again does not repeat a revision.
CREATE TABLE revision (
    id    INTEGER PRIMARY KEY CHECK (id = 1),
    value INTEGER NOT NULL
) STRICT;
INSERT INTO revision (id, value) VALUES (1, 0);

CREATE TABLE documents (
    kind       TEXT    NOT NULL,
    id         TEXT    NOT NULL,
    revision   INTEGER NOT NULL,
    document   TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    seal       BLOB    NOT NULL,
    PRIMARY KEY (kind, id)
) STRICT;

CREATE TABLE components (
    digest    TEXT PRIMARY KEY,
    component BLOB NOT NULL
) STRICT;

CREATE TABLE plugins (
    name       TEXT PRIMARY KEY,
    digest     TEXT    NOT NULL REFERENCES components (digest),
    revision   INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

CREATE TABLE plugin_history (
    name     TEXT    NOT NULL,
    revision INTEGER NOT NULL,
    digest   TEXT    NOT NULL REFERENCES components (digest),
    at       INTEGER NOT NULL,
    PRIMARY KEY (name, revision)
) STRICT;
CREATE INDEX plugin_history_digest ON plugin_history (digest);

CREATE TABLE users (
    realm         TEXT    NOT NULL,
    username      TEXT    NOT NULL,
    password_hash TEXT    NOT NULL,
    attributes    TEXT    NOT NULL,
    disabled      INTEGER NOT NULL,
    seal          BLOB    NOT NULL,
    PRIMARY KEY (realm, username)
) STRICT;

CREATE TABLE canary (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    at INTEGER NOT NULL
) STRICT;
