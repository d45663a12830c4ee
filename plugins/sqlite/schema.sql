-- Every queue of a database file is in this table. Other programs may read it, insert into it and delete from it; README.md
-- says how.
CREATE TABLE IF NOT EXISTS volley_messages (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  queue      TEXT NOT NULL,
  key,
  headers    TEXT,
  body,
  message_id,
  visible_at INTEGER NOT NULL DEFAULT 0,
  attempts   INTEGER NOT NULL DEFAULT 0,
  token      INTEGER,
  owner      TEXT,
  created    INTEGER NOT NULL DEFAULT (CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER))
);
-- One row: a random id that names this database for good, so that ids made of its messages' ids are never those of another's.
CREATE TABLE IF NOT EXISTS volley_store (
  one      INTEGER PRIMARY KEY CHECK (one = 1),
  identity TEXT NOT NULL
);
-- A claim reads the first entries of this one, however long the queue is and however much of it is delayed.
CREATE INDEX IF NOT EXISTS volley_messages_ready ON volley_messages (queue) WHERE visible_at = 0;
CREATE INDEX IF NOT EXISTS volley_messages_later ON volley_messages (queue, visible_at) WHERE visible_at > 0;
-- What another program wrote into visible_at and is no time. It is visible at once; usually this is empty.
CREATE INDEX IF NOT EXISTS volley_messages_odd ON volley_messages (queue)
  WHERE (typeof(visible_at) NOT IN ('integer', 'real') OR visible_at < 0);
CREATE UNIQUE INDEX IF NOT EXISTS volley_messages_once ON volley_messages (queue, message_id) WHERE message_id IS NOT NULL;
