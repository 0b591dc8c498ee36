-- Grants, installs, polls, gaps, commands. Times are milliseconds since the Unix epoch.

-- What an OAuth grant gave. `row` rises with every token, also over a holder's end, and is the version that a refresh
-- is compared with. Sealed under a key of the holder's own.
CREATE TABLE token (
    row         INTEGER PRIMARY KEY AUTOINCREMENT,
    holder      TEXT NOT NULL UNIQUE,
    state       TEXT NOT NULL CHECK (state IN ('live', 'suspended', 'reconnect', 'revoked')),
    reason      TEXT,
    state_at    INTEGER NOT NULL,
    expires_at  INTEGER,
    obtained_at INTEGER NOT NULL,
    scopes      TEXT NOT NULL,
    kind        TEXT,
    location    TEXT,
    company     TEXT,
    refreshable INTEGER NOT NULL,
    sealed      BLOB NOT NULL
);

-- A login that was begun and has not come back. The state itself is not kept, only its look-up.
CREATE TABLE login (
    lookup     BLOB PRIMARY KEY,
    source     TEXT NOT NULL,
    connection TEXT,
    redirect   TEXT,
    expires_at INTEGER NOT NULL
) WITHOUT ROWID;

-- Connections that an install made.
CREATE TABLE install (
    source     TEXT NOT NULL,
    location   TEXT NOT NULL,
    name       TEXT NOT NULL UNIQUE,
    company    TEXT,
    at         INTEGER NOT NULL,
    removed_at INTEGER,
    PRIMARY KEY (source, location)
) WITHOUT ROWID;
CREATE INDEX install_by_company ON install (source, company);

-- Held deliveries that no source has looked at.
CREATE INDEX inbox_unmet ON inbox (received_at) WHERE state = 'held' AND kind IS NULL;

-- Where each poll stands. `covered_at` is when the last poll that came to its end began. Sealed: the cursor.
CREATE TABLE poll (
    connection  TEXT NOT NULL,
    sweep       TEXT NOT NULL CHECK (sweep IN ('updates', 'everything')),
    more        INTEGER NOT NULL,
    started_at  INTEGER NOT NULL,
    page_at     INTEGER NOT NULL,
    finished_at INTEGER,
    covered_at  INTEGER,
    pages       INTEGER NOT NULL,
    error       TEXT,
    failed_at   INTEGER,
    tries       INTEGER NOT NULL,
    sealed      BLOB,
    PRIMARY KEY (connection, sweep)
) WITHOUT ROWID;

-- When each connection began: what is older is the past.
CREATE TABLE began (
    connection TEXT PRIMARY KEY,
    at         INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO began (connection, at)
    SELECT connection, min(received_at) FROM inbox WHERE connection IS NOT NULL GROUP BY connection;

-- When the first delivery of each kind told a change: what a webhook missed a poll has told, and the other way round.
-- Changes of before this version have neither and count as missed by nobody.
ALTER TABLE change ADD COLUMN webhook_at INTEGER;
ALTER TABLE change ADD COLUMN poll_at INTEGER;
-- The column that is always null stands in the first and the last so that counting needs no row.
CREATE INDEX change_unannounced ON change (connection, kind, poll_at, webhook_at)
    WHERE webhook_at IS NULL AND poll_at IS NOT NULL;
CREATE INDEX change_unannounced_of ON change (subject, occurred_at) WHERE webhook_at IS NULL AND poll_at IS NOT NULL;
CREATE INDEX change_unpolled ON change (connection, kind, webhook_at, subject, poll_at)
    WHERE webhook_at IS NOT NULL AND poll_at IS NULL;

-- When the last row of a poll that was read of a contact came.
CREATE TABLE polled (
    subject BLOB PRIMARY KEY,
    at      INTEGER NOT NULL
) WITHOUT ROWID;

-- Facts that nothing told.
CREATE TABLE gap (
    connection TEXT NOT NULL,
    id         TEXT NOT NULL,
    kind       TEXT NOT NULL,
    found_at   INTEGER NOT NULL,
    PRIMARY KEY (connection, id)
) WITHOUT ROWID;

-- What was missed among changes whose rows are gone.
CREATE TABLE missed (
    connection TEXT NOT NULL,
    kind       TEXT NOT NULL,
    webhooks   INTEGER NOT NULL,
    polls      INTEGER NOT NULL,
    PRIMARY KEY (connection, kind)
) WITHOUT ROWID;

-- Commands to the CRM, by the look-up of connection and key. Kept for ever: a key is carried out once.
CREATE TABLE command (
    lookup     BLOB PRIMARY KEY,
    connection TEXT NOT NULL,
    name       TEXT NOT NULL,
    state      TEXT NOT NULL CHECK (state IN ('open', 'done', 'failed')),
    since      INTEGER NOT NULL,
    ended_at   INTEGER,
    object     TEXT,
    changed    INTEGER NOT NULL DEFAULT 0,
    reason     TEXT
) WITHOUT ROWID;
CREATE INDEX command_by_time ON command (connection, since);

-- When a location's allowance was last known to be in use. `spent` is how much of it, once the program that used it has rested; null: perhaps all.
-- `today` is how many requests were counted on that day (UTC).
CREATE TABLE allowance (
    source   TEXT NOT NULL,
    location TEXT NOT NULL,
    used_at  INTEGER NOT NULL,
    spent    INTEGER,
    today    INTEGER NOT NULL,
    PRIMARY KEY (source, location)
) WITHOUT ROWID;
