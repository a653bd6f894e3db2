"""The book's tables, as the steps by which they came about: a book of an older release takes those it lacks."""

from __future__ import annotations

ORDERS = """
CREATE TABLE orders (
    number INTEGER PRIMARY KEY AUTOINCREMENT,  -- in the order they came
    id TEXT NOT NULL UNIQUE,
    owner TEXT NOT NULL,                       -- whose it is, as `server.http.security.owner_of` says
    client TEXT NOT NULL,                      -- whom its seconds are counted for
    state TEXT NOT NULL,
    created REAL NOT NULL,                     -- Unix seconds, as the others
    ended REAL,
    expires REAL,                              -- when nothing but its state is left, then when that goes too
    pictures INTEGER NOT NULL,                 -- how many it is of
    lost INTEGER NOT NULL DEFAULT 0,           -- attempts that a worker's end cost
    bytes INTEGER NOT NULL,                    -- of its input pictures
    about BLOB,                                -- `rows.OrderAbout`, until it expires
    failure BLOB                               -- `events.Failed`
) STRICT;
CREATE INDEX by_state ON orders (state, owner, number);
CREATE INDEX by_owner ON orders (owner, number);
CREATE INDEX by_expiry ON orders (expires) WHERE expires IS NOT NULL;
CREATE TABLE plans (                           -- what is to be done, until it is
    number INTEGER PRIMARY KEY REFERENCES orders ON DELETE CASCADE,
    jobs BLOB NOT NULL
) STRICT;
CREATE TABLE inputs (                          -- the pictures that came with it, likewise
    number INTEGER NOT NULL REFERENCES orders ON DELETE CASCADE,
    digest BLOB NOT NULL,
    data BLOB NOT NULL,
    PRIMARY KEY (number, digest)
) STRICT;
CREATE TABLE pictures (                        -- what became of each, until the order expires
    number INTEGER NOT NULL REFERENCES orders ON DELETE CASCADE,
    place INTEGER NOT NULL,
    report BLOB NOT NULL,                      -- `rows.PictureRow`
    PRIMARY KEY (number, place)
) STRICT;
"""
KEYS = """
CREATE TABLE keys (                            -- Idempotency-Keys: which order was made for one
    owner TEXT NOT NULL,
    path TEXT NOT NULL,
    key TEXT NOT NULL,
    fingerprint BLOB NOT NULL,                 -- SHA-256 of what was asked for
    number INTEGER NOT NULL REFERENCES orders ON DELETE CASCADE,
    PRIMARY KEY (owner, path, key)
) STRICT;
CREATE INDEX keys_by_order ON keys (number);
"""
WEBHOOKS = """
CREATE TABLE webhooks (                        -- whom an order's maker wants told of it, until it expires
    number INTEGER PRIMARY KEY REFERENCES orders ON DELETE CASCADE,
    url TEXT NOT NULL,
    origin TEXT NOT NULL,                      -- the part of it that says which server
    events TEXT NOT NULL,                      -- which, as a list in JSON
    shape TEXT NOT NULL,                       -- the dialect in which it is told
    base TEXT NOT NULL                         -- the address of this server, as that client knows it
) STRICT;
CREATE TABLE deliveries (                      -- each message to one, from when what it tells of has happened
    number INTEGER NOT NULL REFERENCES webhooks ON DELETE CASCADE,
    event TEXT NOT NULL,
    place INTEGER NOT NULL,                    -- of the picture that it is of, -1 for the order's own
    since REAL NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    state TEXT NOT NULL DEFAULT 'waiting',     -- `rows.DeliveryState`
    told BLOB,                                 -- why the last attempt came to nothing: a `Message`
    at REAL,                                   -- when that was
    due REAL,                                  -- when the next is; none once it is over
    PRIMARY KEY (number, event, place)
) STRICT;
CREATE INDEX by_due ON deliveries (due) WHERE due IS NOT NULL;
"""
TURNS = """
ALTER TABLE orders ADD COLUMN priority TEXT NOT NULL DEFAULT 'normal';
ALTER TABLE orders ADD COLUMN turn REAL NOT NULL DEFAULT 0;  -- where it stands among its owner's: `fairness.urgency`
UPDATE orders SET turn = created;
DROP INDEX by_state;
CREATE INDEX by_turn ON orders (state, owner, turn, number);
"""
USES = """
CREATE TABLE uses (                            -- of keys with limits: what was accepted in the last day
    key TEXT NOT NULL,
    at REAL NOT NULL,
    pictures INTEGER NOT NULL,
    work REAL NOT NULL                         -- in millions of pixels times steps
) STRICT;
CREATE INDEX uses_by_time ON uses (at);
"""
STEPS = (ORDERS, KEYS, WEBHOOKS, TURNS, USES)
"""Each is taken once; `PRAGMA user_version` says how many a book has."""
