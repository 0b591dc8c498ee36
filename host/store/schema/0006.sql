-- Commands that have ended, by age.
CREATE INDEX wanted_ended ON wanted (created_at) WHERE state IN ('done', 'dead', 'dropped');
