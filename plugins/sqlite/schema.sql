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
-- A claim reads the first entries of this one, however long the queue is and however much of it is delayed.
CREATE INDEX IF NOT EXISTS volley_messages_ready ON volley_messages (queue) WHERE visible_at = 0;
CREATE INDEX IF NOT EXISTS volley_messages_later ON volley_messages (queue, visible_at) WHERE visible_at > 0;
CREATE UNIQUE INDEX IF NOT EXISTS volley_messages_once ON volley_messages (queue, message_id) WHERE message_id IS NOT NULL;
