-- What people set for themselves is no more in the audit than that they did: it outlives what they have forgotten.

UPDATE audit SET before = '', after = '', announced = 1
WHERE action IN ('config set', 'config reset') AND target LIKE '% (me)';

INSERT OR IGNORE INTO chores (name) VALUES ('rewrite');
