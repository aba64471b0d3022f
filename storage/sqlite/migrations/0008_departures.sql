-- A workspace that the bot was removed from is forgotten when its time has come, by a clock that was confirmed.

ALTER TABLE chores ADD COLUMN due INTEGER NOT NULL DEFAULT 0;  -- of a departure: when it is seen to

CREATE TABLE clock (
    id        INTEGER PRIMARY KEY CHECK (id = 1),
    trusted   INTEGER NOT NULL,            -- the time that erasing went by when it was last looked at
    seen      INTEGER NOT NULL,            -- what the machine's clock said then
    confirmed INTEGER                      -- for how long it has said so, NULL where the two agree
);

INSERT INTO clock
SELECT 1, newest, newest, NULL FROM (
    SELECT max(at) AS newest FROM (
        SELECT max(accepted) AS at FROM requests UNION ALL SELECT max(at) FROM usage
        UNION ALL SELECT max(at) FROM overheard UNION ALL SELECT max(at) FROM audit
    )
) WHERE newest IS NOT NULL;

-- Figures that no call can have used, which servers stated before they were checked.

UPDATE usage SET prompt_tokens = 0
WHERE typeof(prompt_tokens) <> 'integer' OR prompt_tokens NOT BETWEEN 0 AND 1000000000;
UPDATE usage SET completion_tokens = 0
WHERE typeof(completion_tokens) <> 'integer' OR completion_tokens NOT BETWEEN 0 AND 1000000000;
UPDATE usage SET cost = 0 WHERE typeof(cost) <> 'integer' OR cost NOT BETWEEN 0 AND 1000000000000000;
