-- Tokens of the REST STS are asked for by the name that protocol gives them.
CREATE INDEX ledger_rest_token ON ledger (json_extract(content, '$.rest_token_id')) WHERE content IS NOT NULL;
