//! Schemas that others made: several models over one table, join tables with a model, views, keys of several columns.
//!
//! One binary, as linking is what a test costs; one claim per file.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod a_join_table_may_have_a_model;
mod a_key_that_is_none_is_an_error;
mod a_link_leads_where_the_database_says;
mod a_member_belongs_to_whom_the_database_says;
mod a_model_may_have_nothing_but_its_key;
mod a_version_is_its_tables;
mod a_view_shows_what_waits;
mod keys_have_several_columns;
mod one_struct_serves_diesel_too;
mod one_table_may_have_several_models;
mod place;
mod random_steps_equal_a_plain_map;
mod random_steps_of_two_environments;
mod two_fields_may_be_one_column;

type Db = orm_tests::database::Db;

/// A key that the database gives where none is given
const NEW_KEYS: &str = "INTEGER PRIMARY KEY AUTOINCREMENT";

/// A type of moments
const MOMENT: &str = "TIMESTAMP";

/// A type of text keys that does not tell letters by their case, and the SQL that makes it
const CASELESS: (&str, &str) = ("VARCHAR(20) COLLATE NOCASE", "");
