-- A call of a model that is one more of an act that counted as a request already.

ALTER TABLE usage ADD COLUMN further INTEGER NOT NULL DEFAULT 0;
