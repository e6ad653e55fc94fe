CREATE TABLE suppliers (id INTEGER PRIMARY KEY NOT NULL, name TEXT NOT NULL, city TEXT NOT NULL);
INSERT INTO suppliers VALUES (1, 'Oak & Co', 'Ghent'), (2, 'Northern Light', 'Oslo'), (3, 'Iron Works', 'Ghent');

CREATE TABLE categories (id INTEGER PRIMARY KEY NOT NULL, name TEXT NOT NULL, parent_id INTEGER);
INSERT INTO categories VALUES (1, 'Furniture', NULL), (2, 'Chairs', 1), (3, 'Tables', 1), (4, 'Lamps', NULL);

CREATE TABLE products (
    id INTEGER PRIMARY KEY NOT NULL, name TEXT NOT NULL, price DOUBLE NOT NULL, category_id INTEGER NOT NULL,
    supplier_id INTEGER, manual TEXT NOT NULL, page_title TEXT NOT NULL, page_body TEXT NOT NULL
);
INSERT INTO products
    SELECT column1, column2, column3, column4, column5, printf('%.*c', 500 * column1, 'm'),
        'Buy the ' || column2, printf('%.*c', 2000 + column1, 'p')
    FROM (VALUES
        (1, 'Stool', 35.0, 2, 1), (2, 'Armchair', 240.0, 2, 1), (3, 'Desk', 310.0, 3, 3),
        (4, 'Side table', 45.0, 3, 3), (5, 'Desk lamp', 29.5, 4, 2), (6, 'Floor lamp', 89.0, 4, 2),
        (7, 'Workbench', 420.0, 3, NULL)
    );

CREATE TABLE tags (name TEXT PRIMARY KEY NOT NULL, colour TEXT NOT NULL);
INSERT INTO tags VALUES ('new', 'green'), ('sale', 'red'), ('wood', 'brown'), ('metal', 'grey');

CREATE TABLE product_tags (product_id INTEGER NOT NULL, tag_name TEXT NOT NULL, PRIMARY KEY (product_id, tag_name));
INSERT INTO product_tags VALUES
    (1, 'wood'), (1, 'sale'), (2, 'wood'), (3, 'wood'), (3, 'metal'), (4, 'metal'), (5, 'new'), (5, 'metal'), (6, 'new');
