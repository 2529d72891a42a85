-- Digests and identifiers are found by their beginning: whole ones would fill most of the file with indexes, and a
-- write of rows touches as many pages of an index as it has random places in it.
DROP INDEX ledger_token_hash;
DROP INDEX ledger_token_id;
DROP INDEX ledger_mark;
DROP INDEX ledger_parent;
DROP INDEX ledger_actor_parent;
CREATE INDEX ledger_token_hash ON ledger (substr(token_hash, 1, 8));
CREATE INDEX ledger_token_id ON ledger (substr(token_id, 1, 12));
CREATE INDEX ledger_mark ON ledger (substr(mark, 1, 8));
CREATE INDEX ledger_parent ON ledger (substr(parent, 1, 8)) WHERE parent IS NOT NULL;
CREATE INDEX ledger_actor_parent ON ledger (substr(actor_parent, 1, 8)) WHERE actor_parent IS NOT NULL;
