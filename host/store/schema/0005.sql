-- Commands to the CRM that rules asked for. A key is taken once for a connection. One with an `event` waits for that row of the outbox to be done.
CREATE TABLE wanted (
    row        INTEGER PRIMARY KEY AUTOINCREMENT,
    connection TEXT NOT NULL,
    key        TEXT NOT NULL,
    name       TEXT NOT NULL,
    rule       TEXT NOT NULL,
    change     INTEGER NOT NULL,
    event      INTEGER,
    state      TEXT NOT NULL CHECK (state IN ('held', 'waiting', 'done', 'dead', 'dropped')),
    due_at     INTEGER NOT NULL,
    tries      INTEGER NOT NULL DEFAULT 0,
    reason     TEXT,
    created_at INTEGER NOT NULL,
    done_at    INTEGER,
    subject    BLOB NOT NULL,
    sealed     BLOB NOT NULL,
    UNIQUE (connection, key)
);
CREATE INDEX wanted_by_state ON wanted (state, connection, due_at);
CREATE INDEX wanted_by_change ON wanted (change);
CREATE INDEX wanted_held ON wanted (event) WHERE state = 'held';
CREATE INDEX wanted_by_subject ON wanted (subject, created_at);
