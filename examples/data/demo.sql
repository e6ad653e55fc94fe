CREATE TABLE countries (id INTEGER PRIMARY KEY NOT NULL, name TEXT NOT NULL, code TEXT NOT NULL);
INSERT INTO countries VALUES (1, 'Belgium', 'BE'), (2, 'France', 'FR'), (3, 'India', 'IN');

CREATE TABLE partners (
    id INTEGER PRIMARY KEY NOT NULL, name TEXT NOT NULL, lang TEXT, country_id INTEGER, parent_id INTEGER, notes TEXT,
    html_title TEXT NOT NULL DEFAULT 'title', html_body TEXT NOT NULL DEFAULT 'body'
);
INSERT INTO partners (id, name, lang, country_id, parent_id, notes) VALUES
    (1, 'Azure Interior', 'en', 1, NULL, 'old friends'),
    (2, 'Deco Addict', 'fr', 2, NULL, NULL),
    (3, 'Gemini Furniture', NULL, 3, NULL, NULL),
    (4, 'Brandon', 'en', 1, 1, NULL),
    (5, 'Colleen', 'fr', 1, 1, NULL),
    (6, 'Nobody', NULL, NULL, NULL, NULL);

CREATE TABLE tags (id INTEGER PRIMARY KEY NOT NULL, name TEXT NOT NULL);
INSERT INTO tags VALUES (1, 'customer'), (2, 'vendor'), (3, 'press');

CREATE TABLE partner_tags (partner_id INTEGER NOT NULL, tag_id INTEGER NOT NULL, PRIMARY KEY (partner_id, tag_id));
INSERT INTO partner_tags VALUES (1, 1), (1, 2), (2, 1), (3, 2);
