-- What made an event, shadows, and what was recalled. Times are milliseconds since the Unix epoch.

-- What an event was made of and by, beside its generation's mapper and settings: few rows, one a combination. The sink's digest stands with
-- each attempt.
CREATE TABLE making (
    id            INTEGER PRIMARY KEY,
    generation    INTEGER NOT NULL,
    source_digest TEXT NOT NULL,
    contract      TEXT NOT NULL,
    host          TEXT NOT NULL,
    UNIQUE (generation, source_digest, contract, host)
);
ALTER TABLE outbox ADD COLUMN making INTEGER;

-- A generation that was recalled settles nothing any more; a batch it still translates is translated again. `connection` names the one
-- connection that a generation is for; null: all of its mapper.
ALTER TABLE generation ADD COLUMN recalled_at INTEGER;
ALTER TABLE generation ADD COLUMN connection TEXT;

-- Mappers that run beside the live one and are never believed. `scope` and `report` are JSON, without values of any contact.
CREATE TABLE shadow (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    mapper        TEXT NOT NULL,
    role          TEXT NOT NULL CHECK (role IN ('candidate', 'former')),
    mapper_digest TEXT NOT NULL,
    settings      TEXT NOT NULL,
    settings_hash TEXT NOT NULL,
    scope         TEXT NOT NULL,
    state         TEXT NOT NULL CHECK (state IN ('running', 'paused', 'stopped', 'promoted', 'passed', 'rolled-back')),
    reason        TEXT,
    who           TEXT NOT NULL,
    note          TEXT,
    started_at    INTEGER NOT NULL,
    ended_at      INTEGER,
    report        TEXT NOT NULL
);
CREATE UNIQUE INDEX shadow_open ON shadow (mapper) WHERE ended_at IS NULL;
