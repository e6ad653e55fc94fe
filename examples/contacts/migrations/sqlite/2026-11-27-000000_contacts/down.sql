DROP TABLE orders;
DROP TABLE partner_tags;
DROP TABLE partners;
DROP TABLE tags;
DROP TABLE countries;
