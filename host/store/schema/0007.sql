-- Audiences and test mode. Times are milliseconds since the Unix epoch.

-- Whom an audience is to hold: one wish a destination, audience and contact, the latest. `version` rises with every wish, so that an
-- answer to an earlier one is known as such. `sealed` is the person as the wish names them, `put_in` as the platform has them; null: it
-- has not got them by us.
CREATE TABLE membership (
    row         INTEGER PRIMARY KEY AUTOINCREMENT,
    destination TEXT NOT NULL,
    audience    TEXT NOT NULL,
    subject     BLOB NOT NULL,
    wanted      TEXT NOT NULL CHECK (wanted IN ('join', 'leave')),
    version     INTEGER NOT NULL,
    change      INTEGER NOT NULL,
    generation  INTEGER NOT NULL,
    rule        TEXT NOT NULL,
    occurred_at INTEGER NOT NULL,
    state       TEXT NOT NULL CHECK (state IN ('waiting', 'in_flight', 'done', 'dead')),
    due_at      INTEGER NOT NULL,
    tries       INTEGER NOT NULL DEFAULT 0,
    reason      TEXT,
    done_at     INTEGER,
    sealed      BLOB NOT NULL,
    put_in      BLOB,
    UNIQUE (destination, audience, subject)
);
CREATE INDEX membership_waiting ON membership (destination, due_at) WHERE state = 'waiting';
CREATE INDEX membership_by_wish ON membership (destination, audience, wanted, due_at) WHERE state = 'waiting';
CREATE INDEX membership_in_flight ON membership (row) WHERE state = 'in_flight';
CREATE INDEX membership_by_subject ON membership (subject);
CREATE INDEX membership_left ON membership (done_at) WHERE state = 'done' AND wanted = 'leave';

-- How many rows a platform could make nothing of. It does not say which.
CREATE TABLE audience (
    destination TEXT NOT NULL,
    audience    TEXT NOT NULL,
    invalid     INTEGER NOT NULL,
    at          INTEGER NOT NULL,
    PRIMARY KEY (destination, audience)
) WITHOUT ROWID;

-- Until when a destination's events are marked as tests.
CREATE TABLE test_mode (
    destination TEXT PRIMARY KEY,
    code        TEXT NOT NULL,
    since       INTEGER NOT NULL,
    until       INTEGER NOT NULL,
    who         TEXT NOT NULL
) WITHOUT ROWID;
