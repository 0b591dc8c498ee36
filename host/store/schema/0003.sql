-- A pause that ends by itself once the destination's credential works again.
ALTER TABLE pause ADD COLUMN heals INTEGER NOT NULL DEFAULT 0;

-- How many events each rule told each destination, by hour (since the Unix epoch), and how many were parked by the brake.
CREATE TABLE pace (
    destination TEXT NOT NULL,
    rule        TEXT NOT NULL,
    hour        INTEGER NOT NULL,
    told        INTEGER NOT NULL,
    braked      INTEGER NOT NULL,
    PRIMARY KEY (destination, rule, hour)
) WITHOUT ROWID;
