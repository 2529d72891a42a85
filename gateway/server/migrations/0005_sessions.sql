-- Who is signed in. Of a session's token only the SHA-256 is known. `used_at` is written now and then.
CREATE TABLE sessions (
    digest     BLOB    PRIMARY KEY,
    handle     TEXT    NOT NULL,
    realm      TEXT    NOT NULL,
    username   TEXT    NOT NULL,
    document   TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    ends_at    INTEGER NOT NULL,
    used_at    INTEGER NOT NULL,
    seal       BLOB    NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_ends_at ON sessions (ends_at);
