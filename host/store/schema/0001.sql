-- Personal data stands only in `sealed` columns, each sealed with the key of the row's `subject` in contact_key.
-- Times are milliseconds since the Unix epoch.

-- Tells a wrong vault key before anything is sealed with it.
CREATE TABLE vault (
    only_row    INTEGER PRIMARY KEY CHECK (only_row = 1),
    check_value BLOB NOT NULL
);

CREATE TABLE contact_key (
    subject BLOB PRIMARY KEY,
    wrapped BLOB NOT NULL
) WITHOUT ROWID;

CREATE TABLE inbox (
    row           INTEGER PRIMARY KEY AUTOINCREMENT,
    id            TEXT NOT NULL UNIQUE,
    source        TEXT NOT NULL,
    connection    TEXT,
    webhook_id    TEXT NOT NULL,
    location      TEXT NOT NULL,
    kind          TEXT,
    origin        TEXT NOT NULL,
    received_at   INTEGER NOT NULL,
    sent_at       INTEGER,
    state         TEXT NOT NULL CHECK (state IN ('held', 'waiting', 'done', 'silent', 'dead')),
    due_at        INTEGER NOT NULL,
    tries         INTEGER NOT NULL DEFAULT 0,
    code          TEXT,
    reason        TEXT,
    read_at       INTEGER,
    source_digest TEXT,
    subject       BLOB NOT NULL,
    sealed        BLOB NOT NULL,
    UNIQUE (source, webhook_id)
);
CREATE INDEX inbox_by_state ON inbox (state, connection, due_at, received_at, code);
CREATE INDEX inbox_held ON inbox (source, location) WHERE state = 'held';
CREATE INDEX inbox_read ON inbox (read_at) WHERE state IN ('done', 'silent');

-- Webhook ids of deliveries whose rows are gone already.
CREATE TABLE webhook_seen (
    source     TEXT NOT NULL,
    webhook_id TEXT NOT NULL,
    seen_at    INTEGER NOT NULL,
    PRIMARY KEY (source, webhook_id)
) WITHOUT ROWID;
CREATE INDEX webhook_seen_by_age ON webhook_seen (seen_at);

CREATE TABLE memory (
    subject    BLOB PRIMARY KEY,
    connection TEXT NOT NULL,
    version    INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    sealed     BLOB NOT NULL
);

CREATE TABLE catalogue (
    connection TEXT PRIMARY KEY,
    changed_at INTEGER NOT NULL,
    sealed     BLOB NOT NULL
);

CREATE TABLE change (
    row           INTEGER PRIMARY KEY AUTOINCREMENT,
    connection    TEXT NOT NULL,
    id            TEXT NOT NULL,
    kind          TEXT NOT NULL,
    occurred_at   INTEGER NOT NULL,
    state         TEXT NOT NULL CHECK (state IN ('waiting', 'done', 'skipped', 'dead')),
    due_at        INTEGER NOT NULL,
    tries         INTEGER NOT NULL DEFAULT 0,
    code          TEXT,
    rule          TEXT,
    reason        TEXT,
    generation    INTEGER,
    translated_at INTEGER,
    subject       BLOB NOT NULL,
    sealed        BLOB NOT NULL,
    UNIQUE (connection, id)
);
CREATE INDEX change_by_state ON change (state, connection, due_at, code);
CREATE INDEX change_translated ON change (translated_at) WHERE state IN ('done', 'skipped');

-- Which deliveries told a change: twins tell the same one.
CREATE TABLE told (
    delivery INTEGER NOT NULL,
    change   INTEGER NOT NULL,
    PRIMARY KEY (delivery, change)
) WITHOUT ROWID;
CREATE INDEX told_by_change ON told (change);

CREATE TABLE outbox (
    row         INTEGER PRIMARY KEY AUTOINCREMENT,
    destination TEXT NOT NULL,
    event_id    TEXT NOT NULL,
    change      INTEGER NOT NULL,
    generation  INTEGER NOT NULL,
    rule        TEXT NOT NULL,
    name        TEXT NOT NULL,
    occurred_at INTEGER NOT NULL,
    deadline    INTEGER NOT NULL,
    state       TEXT NOT NULL CHECK (state IN ('waiting', 'in_flight', 'done', 'dead', 'expired')),
    due_at      INTEGER NOT NULL,
    tries       INTEGER NOT NULL DEFAULT 0,
    ambiguous   INTEGER NOT NULL DEFAULT 0,
    reason      TEXT,
    trace       TEXT,
    created_at  INTEGER NOT NULL,
    done_at     INTEGER,
    subject     BLOB NOT NULL,
    sealed      BLOB NOT NULL,
    UNIQUE (destination, event_id)
);
CREATE INDEX outbox_by_state ON outbox (state, destination, deadline, due_at, tries, ambiguous);
CREATE INDEX outbox_due ON outbox (destination, due_at) WHERE state = 'waiting';
CREATE INDEX outbox_by_change ON outbox (change);
CREATE INDEX outbox_done ON outbox (done_at) WHERE state = 'done';

-- Event ids whose rows are gone. Kept for ever: an id is never told twice to a destination.
CREATE TABLE event_told (
    destination TEXT NOT NULL,
    event_id    TEXT NOT NULL,
    PRIMARY KEY (destination, event_id)
) WITHOUT ROWID;

-- A request that may have left. `outcome` is null until its answer is settled.
CREATE TABLE attempt (
    row         INTEGER PRIMARY KEY AUTOINCREMENT,
    destination TEXT NOT NULL,
    sink_digest TEXT NOT NULL,
    at          INTEGER NOT NULL,
    outcome     TEXT,
    settled_at  INTEGER
);
CREATE INDEX attempt_open ON attempt (row) WHERE outcome IS NULL;

CREATE TABLE attempt_item (
    attempt INTEGER NOT NULL,
    event   INTEGER NOT NULL,
    verdict TEXT,
    PRIMARY KEY (attempt, event)
) WITHOUT ROWID;
CREATE INDEX attempt_item_by_event ON attempt_item (event);
CREATE INDEX attempt_item_ambiguous ON attempt_item (attempt) WHERE verdict = 'ambiguous';

CREATE TABLE generation (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    mapper        TEXT NOT NULL,
    mapper_digest TEXT NOT NULL,
    settings      TEXT NOT NULL,
    settings_hash TEXT NOT NULL,
    origin        TEXT NOT NULL,
    who           TEXT NOT NULL,
    note          TEXT,
    cases         INTEGER NOT NULL,
    diff          TEXT,
    started_at    INTEGER NOT NULL
);

CREATE TABLE component (
    digest TEXT PRIMARY KEY,
    name   TEXT NOT NULL,
    bytes  BLOB NOT NULL
);

CREATE TABLE granted (
    component TEXT PRIMARY KEY,
    profile   TEXT NOT NULL,
    digest    TEXT NOT NULL,
    at        INTEGER NOT NULL,
    who       TEXT NOT NULL
);

CREATE TABLE pause (
    scope  TEXT PRIMARY KEY,
    reason TEXT NOT NULL,
    at     INTEGER NOT NULL,
    who    TEXT NOT NULL
);

-- One row, written to find out whether the disk takes writes again.
CREATE TABLE probe (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    at INTEGER NOT NULL
);
