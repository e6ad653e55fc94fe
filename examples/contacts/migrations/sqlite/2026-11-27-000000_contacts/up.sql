CREATE TABLE countries (
    id INTEGER PRIMARY KEY NOT NULL,
    code TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL
);

CREATE TABLE tags (
    id INTEGER PRIMARY KEY NOT NULL,
    name TEXT NOT NULL UNIQUE,
    hue INTEGER NOT NULL
);

CREATE TABLE partners (
    id INTEGER PRIMARY KEY NOT NULL,
    name TEXT NOT NULL COLLATE NOCASE,
    email TEXT UNIQUE,
    phone TEXT,
    city TEXT COLLATE NOCASE,
    is_company BOOLEAN NOT NULL DEFAULT FALSE,
    country_id INTEGER REFERENCES countries (id),
    company_id INTEGER REFERENCES partners (id) ON DELETE SET NULL,
    notes TEXT,
    changed_at TIMESTAMP NOT NULL,
    version INTEGER NOT NULL
);
CREATE INDEX partners_by_name ON partners (name);
CREATE INDEX partners_of_country ON partners (country_id);
CREATE INDEX partners_of_company ON partners (company_id);
CREATE INDEX companies ON partners (name) WHERE is_company;

CREATE TABLE partner_tags (
    partner_id INTEGER NOT NULL REFERENCES partners (id) ON DELETE CASCADE,
    tag_id INTEGER NOT NULL REFERENCES tags (id) ON DELETE CASCADE,
    PRIMARY KEY (partner_id, tag_id)
);
CREATE INDEX partners_of_tag ON partner_tags (tag_id);

-- Who has ordered something stays: there is no ON DELETE here.
CREATE TABLE orders (
    id INTEGER PRIMARY KEY NOT NULL,
    partner_id INTEGER NOT NULL REFERENCES partners (id),
    number TEXT NOT NULL UNIQUE,
    ordered_on DATE NOT NULL,
    due_on DATE NOT NULL,
    cents BIGINT NOT NULL,
    state TEXT NOT NULL
);
CREATE INDEX orders_of_partner ON orders (partner_id, cents);
