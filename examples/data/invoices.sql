CREATE TABLE customers (id INTEGER PRIMARY KEY NOT NULL, name TEXT NOT NULL, discount INTEGER NOT NULL, parent_id INTEGER);
INSERT INTO customers VALUES (1, 'Azure', 0, NULL), (2, 'Ghent', 10, 1), (3, 'Deco', 5, NULL), (4, 'Port', 0, 2);

CREATE TABLE taxes (id INTEGER PRIMARY KEY NOT NULL, name TEXT NOT NULL, percent INTEGER NOT NULL);
INSERT INTO taxes VALUES (1, 'standard', 21), (2, 'books', 6);

CREATE TABLE products (id INTEGER PRIMARY KEY NOT NULL, name TEXT NOT NULL, cents INTEGER NOT NULL, tax_id INTEGER NOT NULL);
INSERT INTO products VALUES (1, 'Desk', 31000, 1), (2, 'Lamp', 8900, 1), (3, 'Atlas', 5000, 2);

CREATE TABLE invoices (id INTEGER PRIMARY KEY NOT NULL, customer_id INTEGER NOT NULL, paid BOOLEAN NOT NULL);
INSERT INTO invoices
    SELECT column1, column2, column3 FROM (VALUES (1, 1, true), (2, 2, false), (3, 2, false), (4, 3, false), (5, 4, true), (6, 4, false));

CREATE TABLE lines (id INTEGER PRIMARY KEY NOT NULL, invoice_id INTEGER NOT NULL, product_id INTEGER NOT NULL, quantity INTEGER NOT NULL);
INSERT INTO lines VALUES
    (1, 1, 1, 1), (2, 1, 2, 2), (3, 2, 3, 4), (4, 3, 1, 2), (5, 3, 3, 1), (6, 4, 2, 1), (7, 5, 2, 3), (8, 6, 3, 2), (9, 6, 1, 1);
