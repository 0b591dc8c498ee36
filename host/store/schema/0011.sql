-- What guests wrote to their stderr, one row a call. Times are milliseconds since the Unix epoch.

-- `sealed` is under a key that it takes the keys of everybody the call was about to make; blank: one of them was forgotten.
CREATE TABLE written (
    row    INTEGER PRIMARY KEY AUTOINCREMENT,
    at     INTEGER NOT NULL,
    guest  TEXT NOT NULL,
    call   TEXT NOT NULL,
    sealed BLOB NOT NULL
);
CREATE INDEX written_by_age ON written (at);

-- What a call was about: rows of `inbox`, `outbox` or `wanted`, each with its subject then.
CREATE TABLE written_of (
    about   TEXT NOT NULL CHECK (about IN ('inbox', 'outbox', 'wanted')),
    item    INTEGER NOT NULL,
    written INTEGER NOT NULL,
    subject BLOB NOT NULL,
    PRIMARY KEY (about, item, written)
) WITHOUT ROWID;
CREATE INDEX written_of_call ON written_of (written);
CREATE INDEX written_of_subject ON written_of (subject);

CREATE TRIGGER written_left AFTER DELETE ON written BEGIN
    DELETE FROM written_of WHERE written = old.row;
END;
