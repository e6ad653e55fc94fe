-- Of text upper and lower case do not count: that is the collation.
CREATE TABLE countries (
    id INTEGER NOT NULL PRIMARY KEY AUTO_INCREMENT,
    code VARCHAR(2) NOT NULL UNIQUE,
    name VARCHAR(255) NOT NULL
) CHARACTER SET utf8mb4;

CREATE TABLE tags (
    id INTEGER NOT NULL PRIMARY KEY AUTO_INCREMENT,
    name VARCHAR(255) NOT NULL UNIQUE,
    hue INTEGER NOT NULL
) CHARACTER SET utf8mb4;

CREATE TABLE partners (
    id INTEGER NOT NULL PRIMARY KEY AUTO_INCREMENT,
    name VARCHAR(255) NOT NULL,
    email VARCHAR(255) UNIQUE,
    phone VARCHAR(255),
    city VARCHAR(255),
    is_company BOOLEAN NOT NULL DEFAULT FALSE,
    country_id INTEGER,
    company_id INTEGER,
    notes TEXT,
    changed_at DATETIME(6) NOT NULL,
    version INTEGER NOT NULL,
    CONSTRAINT country_of_partner FOREIGN KEY (country_id) REFERENCES countries (id),
    CONSTRAINT company_of_partner FOREIGN KEY (company_id) REFERENCES partners (id) ON DELETE SET NULL
) CHARACTER SET utf8mb4;
CREATE INDEX partners_by_name ON partners (name);
CREATE INDEX companies ON partners (is_company, name);

CREATE TABLE partner_tags (
    partner_id INTEGER NOT NULL,
    tag_id INTEGER NOT NULL,
    PRIMARY KEY (partner_id, tag_id),
    CONSTRAINT partner_of_tag FOREIGN KEY (partner_id) REFERENCES partners (id) ON DELETE CASCADE,
    CONSTRAINT tag_of_partner FOREIGN KEY (tag_id) REFERENCES tags (id) ON DELETE CASCADE
) CHARACTER SET utf8mb4;

-- Who has ordered something stays: there is no ON DELETE here.
CREATE TABLE orders (
    id INTEGER NOT NULL PRIMARY KEY AUTO_INCREMENT,
    partner_id INTEGER NOT NULL,
    number VARCHAR(20) NOT NULL UNIQUE,
    ordered_on DATE NOT NULL,
    due_on DATE NOT NULL,
    cents BIGINT NOT NULL,
    state VARCHAR(20) NOT NULL,
    CONSTRAINT partner_of_order FOREIGN KEY (partner_id) REFERENCES partners (id)
) CHARACTER SET utf8mb4;
CREATE INDEX orders_of_partner ON orders (partner_id, cents);
