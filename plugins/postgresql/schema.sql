-- Version 1 of the objects of a schema beside its queues. {schema} is its quoted name, and {name} the same as text.
-- One row: the version of the schema and of its queues, and a random id that identifies it permanently.
CREATE TABLE {schema}.volley_schema (
  one      boolean PRIMARY KEY DEFAULT true CHECK (one),
  version  integer NOT NULL,
  identity uuid NOT NULL DEFAULT gen_random_uuid()
);
INSERT INTO {schema}.volley_schema (version) VALUES (1);
-- Sends a message in the caller's transaction, and wakes the consumers when it commits. Returns the message's
-- id; NULL if a message with this message_id is in the queue already.
CREATE FUNCTION {schema}.send(queue text, body bytea, key bytea DEFAULT NULL, headers json DEFAULT NULL,
                              delay interval DEFAULT NULL, priority integer DEFAULT 0, message_id bytea DEFAULT NULL)
RETURNS bigint LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $send$
DECLARE
  target regclass := pg_catalog.format('%I.%I', {name}, queue)::regclass;
  sent bigint;
BEGIN
  EXECUTE pg_catalog.format('INSERT INTO %s (body, key, headers, visible_at, priority, message_id)
      VALUES ($1, $2, $3, statement_timestamp() + $4, $5, $6)
      ON CONFLICT (message_id) WHERE message_id IS NOT NULL DO NOTHING RETURNING id', target)
    INTO sent USING body, key, headers, delay, priority, message_id;
  IF sent IS NOT NULL AND delay IS NULL THEN
    PERFORM pg_catalog.pg_notify('volley_' || target::oid, '');
  END IF;
  RETURN sent;
END
$send$;
-- The same with text arguments.
CREATE FUNCTION {schema}.send(queue text, body text, key text DEFAULT NULL, headers json DEFAULT NULL,
                              delay interval DEFAULT NULL, priority integer DEFAULT 0, message_id text DEFAULT NULL)
RETURNS bigint LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $send$
  SELECT {schema}.send(queue, convert_to(body, 'UTF8'), convert_to(key, 'UTF8'), headers, delay, priority,
                       convert_to(message_id, 'UTF8'))
$send$;
