-- What an overlay made of a generation's settings, and which generation made what of which change. Times are milliseconds since the Unix epoch.

-- With an overlay laid over its settings, a generation has a row of its own for each overlay; `base` is the generation under it, and
-- `connection` names the connections it translates for, as a JSON list.
ALTER TABLE generation ADD COLUMN base INTEGER;
CREATE INDEX generation_by_base ON generation (base) WHERE base IS NOT NULL;

-- The generation that asked for a command. Null: it was asked for before this was written down.
ALTER TABLE wanted ADD COLUMN generation INTEGER;

-- The change that a wish for an audience was made of, by `generation`; a wish that later changes repeat stays as it was made. Null: it is no mapper's, or was
-- made before this was written down.
ALTER TABLE membership ADD COLUMN made_of INTEGER;
CREATE INDEX membership_by_making ON membership (made_of) WHERE made_of IS NOT NULL;
