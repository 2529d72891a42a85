-- One row for each issued token that is kept. `mark` is what the token can be revoked by; `parent` and
-- `actor_parent` are the marks of the tokens it was made from, wherever those were issued.
CREATE TABLE ledger (
    seq           INTEGER PRIMARY KEY,
    token_hash    BLOB    NOT NULL,
    mark          BLOB    NOT NULL,
    parent        BLOB,
    actor_parent  BLOB,
    parent_issuer TEXT,
    parent_key    TEXT,
    instance      TEXT    NOT NULL,
    token_type    TEXT    NOT NULL,
    token_id      TEXT,
    issuer        TEXT,
    key_id        TEXT,
    subject       TEXT    NOT NULL,
    actors        TEXT    NOT NULL,
    client        TEXT,
    audiences     TEXT    NOT NULL,
    scope         TEXT    NOT NULL,
    issued_at     INTEGER NOT NULL,
    expires_at    INTEGER NOT NULL,
    state         INTEGER NOT NULL DEFAULT 0,
    state_at      INTEGER,
    reason        TEXT,
    content       TEXT
) STRICT;
CREATE INDEX ledger_token_hash ON ledger (token_hash);
CREATE INDEX ledger_token_id ON ledger (token_id);
CREATE INDEX ledger_mark ON ledger (mark);
CREATE INDEX ledger_parent ON ledger (parent) WHERE parent IS NOT NULL;
CREATE INDEX ledger_actor_parent ON ledger (actor_parent) WHERE actor_parent IS NOT NULL;
CREATE INDEX ledger_subject ON ledger (subject, seq);
CREATE INDEX ledger_instance ON ledger (instance, seq);
CREATE INDEX ledger_expires_at ON ledger (expires_at);

-- Marks of tokens that are revoked, whether or not a row of theirs was kept.
CREATE TABLE revocations (
    mark   BLOB    PRIMARY KEY,
    until  INTEGER NOT NULL,
    at     INTEGER NOT NULL,
    reason TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX revocations_until ON revocations (until);

-- What was issued before `before` no longer counts. `instance` is empty for all of them.
CREATE TABLE cutoffs (
    kind     TEXT    NOT NULL,
    value    TEXT    NOT NULL,
    instance TEXT    NOT NULL,
    before   INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    reason   TEXT,
    PRIMARY KEY (kind, value, instance)
) STRICT, WITHOUT ROWID;
