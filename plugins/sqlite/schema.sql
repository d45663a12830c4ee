-- Every queue of a database file is in this table. Other programs may read it, insert into it and delete from
-- it; see README.md.
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
-- One row: a random id that identifies this database permanently, so that ids derived from its messages
-- differ from those of others.
CREATE TABLE IF NOT EXISTS volley_store (
  one      INTEGER PRIMARY KEY CHECK (one = 1),
  identity TEXT NOT NULL
);
-- A claim reads the first entries of this index, however long the queue is and however many messages are
-- delayed.
CREATE INDEX IF NOT EXISTS volley_messages_ready ON volley_messages (queue) WHERE visible_at = 0;
CREATE INDEX IF NOT EXISTS volley_messages_later ON volley_messages (queue, visible_at) WHERE visible_at > 0;
-- Rows in which another program wrote a visible_at that is not a time. They are visible immediately; usually
-- there are none.
CREATE INDEX IF NOT EXISTS volley_messages_odd ON volley_messages (queue)
  WHERE (typeof(visible_at) NOT IN ('integer', 'real') OR visible_at < 0);
CREATE UNIQUE INDEX IF NOT EXISTS volley_messages_once ON volley_messages (queue, message_id) WHERE message_id IS NOT NULL;
