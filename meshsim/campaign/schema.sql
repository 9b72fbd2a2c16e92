-- The tables of a ledger. Times are in seconds. `at_s` counts from the beginning of the campaign, without the time in
-- which nobody ran it.
CREATE TABLE session (
    id INTEGER PRIMARY KEY,
    began TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now')),
    version TEXT NOT NULL,
    jobs INTEGER NOT NULL,
    scheduler TEXT NOT NULL,
    elapsed_s REAL NOT NULL DEFAULT 0
);
CREATE TABLE plan (
    digest TEXT PRIMARY KEY,
    label TEXT NOT NULL,
    profile TEXT NOT NULL,
    source TEXT NOT NULL,
    body BLOB NOT NULL
);
CREATE TABLE batch (
    id INTEGER PRIMARY KEY,
    round INTEGER NOT NULL,
    plan TEXT NOT NULL REFERENCES plan,
    strategy TEXT NOT NULL,
    seed INTEGER NOT NULL,
    kinds TEXT NOT NULL,
    runs INTEGER NOT NULL,
    own_seed INTEGER NOT NULL,
    session INTEGER NOT NULL REFERENCES session,
    ended TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now')),
    at_s REAL NOT NULL,
    wall_s REAL NOT NULL,
    passed INTEGER NOT NULL,
    violated INTEGER NOT NULL,
    inconclusive INTEGER NOT NULL,
    decisions INTEGER NOT NULL,
    records INTEGER NOT NULL,
    UNIQUE (round, plan, strategy, seed, kinds, runs)
);
CREATE TABLE violated (
    batch INTEGER NOT NULL REFERENCES batch,
    invariant TEXT NOT NULL,
    runs INTEGER NOT NULL,
    PRIMARY KEY (batch, invariant)
) WITHOUT ROWID;
CREATE TABLE lost (
    batch INTEGER NOT NULL REFERENCES batch,
    run INTEGER NOT NULL,
    why TEXT NOT NULL,
    PRIMARY KEY (batch, run)
) WITHOUT ROWID;
CREATE TABLE finding (
    id INTEGER PRIMARY KEY,
    invariant TEXT NOT NULL,
    machine TEXT NOT NULL,
    cause TEXT NOT NULL,
    UNIQUE (invariant, machine, cause)
);
CREATE TABLE sighting (
    finding INTEGER NOT NULL REFERENCES finding,
    batch INTEGER NOT NULL REFERENCES batch,
    run INTEGER NOT NULL,
    count INTEGER NOT NULL,
    after_s REAL NOT NULL,
    PRIMARY KEY (finding, batch)
) WITHOUT ROWID;
-- The first sighting in the order of the batches, whichever was over first.
CREATE TABLE example (
    finding INTEGER PRIMARY KEY REFERENCES finding,
    batch INTEGER NOT NULL REFERENCES batch,
    run INTEGER NOT NULL,
    plan BLOB NOT NULL,
    violation BLOB NOT NULL
);
-- Features of the model, by strategy, with the batch that was over first among those that reached them.
CREATE TABLE coverage (
    strategy TEXT NOT NULL,
    feature INTEGER NOT NULL,
    batch INTEGER NOT NULL REFERENCES batch,
    PRIMARY KEY (strategy, feature)
) WITHOUT ROWID;
