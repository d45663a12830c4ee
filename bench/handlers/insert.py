"""Inserts each message as a row, durably: one by one, or a batch in one transaction. Usage: insert.py single|batch sqlite:PATH|CONNINFO"""

import sys

from volley_handler import run

KIND, WHERE = sys.argv[1:]


def connect():
    if WHERE.startswith("sqlite:"):
        import sqlite3
        db, mark = sqlite3.connect(WHERE.removeprefix("sqlite:"), isolation_level=None, timeout=30), "?"
    else:
        import psycopg
        db, mark = psycopg.connect(WHERE, autocommit=True), "%s"
    return db, f"INSERT INTO orders (body) VALUES ({mark})"


class Single:
    def open(self):
        self.db, self.statement = connect()

    def handle(self, message, out):
        self.db.execute(self.statement, (str(message.body),))
        out.send("out", message.body)


class Batch(Single):
    handle = None

    def handle_batch(self, messages, outs):
        cursor = self.db.cursor()
        cursor.execute("BEGIN")
        cursor.executemany(self.statement, [(str(message.body),) for message in messages])
        cursor.execute("COMMIT")
        for message, out in zip(messages, outs):
            out.send("out", message.body)


run(Single if KIND == "single" else Batch)
