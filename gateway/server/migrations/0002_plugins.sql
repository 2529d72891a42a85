-- Secrets and keys for plugins, encrypted. What `kind` says is part of what was encrypted.
CREATE TABLE secrets (
    name       TEXT PRIMARY KEY,
    kind       TEXT    NOT NULL,
    revision   INTEGER NOT NULL,
    sealed     BLOB    NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

-- The version that a component's manifest gives it, if it has one.
ALTER TABLE plugin_history ADD COLUMN version TEXT;

-- What plugins keep. A row counts until it has ended, and is there until it is swept.
CREATE TABLE kv (
    space   TEXT    NOT NULL,
    key     TEXT    NOT NULL,
    value   BLOB    NOT NULL,
    ends_at INTEGER NOT NULL,
    PRIMARY KEY (space, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX kv_ends_at ON kv (ends_at);

-- Bytes of keys and values together, so that no write has to add up all the others.
CREATE TABLE kv_spaces (
    space TEXT PRIMARY KEY,
    bytes INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TRIGGER kv_inserted AFTER INSERT ON kv BEGIN
    INSERT INTO kv_spaces (space, bytes) VALUES (new.space, octet_length(new.key) + length(new.value))
    ON CONFLICT (space) DO UPDATE SET bytes = bytes + excluded.bytes;
END;

CREATE TRIGGER kv_updated AFTER UPDATE ON kv BEGIN
    UPDATE kv_spaces SET bytes = bytes + length(new.value) - length(old.value) WHERE space = new.space;
END;

CREATE TRIGGER kv_deleted AFTER DELETE ON kv BEGIN
    UPDATE kv_spaces SET bytes = bytes - octet_length(old.key) - length(old.value) WHERE space = old.space;
    DELETE FROM kv_spaces WHERE space = old.space AND bytes <= 0;
END;
