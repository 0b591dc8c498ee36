-- The place of a contact who was forgotten, until it is given up at the platform: under a key of its own, and since when.
ALTER TABLE membership ADD COLUMN parting INTEGER;
CREATE INDEX membership_parting ON membership (parting) WHERE parting IS NOT NULL;
