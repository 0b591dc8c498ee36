-- What an operator does with the queue and with the past. Times are milliseconds since the Unix epoch.

-- One more state, `dropped`: a person, or the forgetting of a contact, ended the row. Widening a check touches no row, so the
-- words of the tables are changed and not the tables (sqlite.org/lang_altertable.html, section 7).
PRAGMA writable_schema = ON;
UPDATE sqlite_schema SET sql = replace(sql, '''dead''', '''dead'', ''dropped''')
    WHERE type = 'table' AND name IN ('inbox', 'change', 'outbox');
PRAGMA writable_schema = RESET;

-- What is dropped leaves with what is done.
DROP INDEX inbox_read;
CREATE INDEX inbox_read ON inbox (read_at) WHERE state IN ('done', 'silent', 'dropped');
DROP INDEX change_translated;
CREATE INDEX change_translated ON change (translated_at) WHERE state IN ('done', 'skipped', 'dropped');
DROP INDEX outbox_done;
CREATE INDEX outbox_done ON outbox (done_at) WHERE state IN ('done', 'dropped');

-- Dead rows by age.
CREATE INDEX inbox_dead ON inbox (received_at) WHERE state = 'dead';
CREATE INDEX change_dead ON change (due_at) WHERE state = 'dead';
CREATE INDEX outbox_dead ON outbox (created_at) WHERE state IN ('dead', 'expired');

-- Everything of one contact; its events are found by their changes.
CREATE INDEX inbox_by_subject ON inbox (subject);
CREATE INDEX change_by_subject ON change (subject);

-- What is kept beside the rows, by age.
CREATE INDEX polled_by_age ON polled (at);
CREATE INDEX gap_by_age ON gap (found_at);
CREATE INDEX command_by_age ON command (ended_at) WHERE state <> 'open';

-- Contacts that were forgotten: their look-ups only. `done_at` is null while an event that tells of the end is under way.
CREATE TABLE forgotten (
    subject  BLOB PRIMARY KEY,
    asked_at INTEGER NOT NULL,
    who      TEXT NOT NULL,
    why      TEXT NOT NULL,
    done_at  INTEGER
) WITHOUT ROWID;
CREATE INDEX forgotten_open ON forgotten (asked_at) WHERE done_at IS NULL;

-- When what an install brought was forgotten, a while after its app was taken out.
ALTER TABLE install ADD COLUMN forgotten_at INTEGER;

-- Every request that left, and what people did. `lane` is `connection:NAME` or `destination:NAME`; `operation` names no person;
-- `subject` is the look-up of the one contact that a request was about, `attempt` the attempt that it carried.
CREATE TABLE audit (
    row        INTEGER PRIMARY KEY AUTOINCREMENT,
    at         INTEGER NOT NULL,
    actor      TEXT NOT NULL,
    digest     TEXT,
    lane       TEXT NOT NULL,
    operation  TEXT NOT NULL,
    status     INTEGER,
    outcome    TEXT,
    latency_ms INTEGER,
    subject    BLOB,
    attempt    INTEGER
);
CREATE INDEX audit_by_age ON audit (at);
CREATE INDEX audit_by_subject ON audit (subject, at) WHERE subject IS NOT NULL;
CREATE INDEX audit_by_attempt ON audit (attempt) WHERE attempt IS NOT NULL;
