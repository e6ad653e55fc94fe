//! Fields that follow from others, rule by rule: how often they are computed, with how many statements, and what makes them
//! missing (rules F of the design).
//!
//! One binary, as linking is what a test costs; one claim per file.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, clippy::use_self)]

mod a_computed_link_is_followed;
mod every_read_and_every_change;
mod it_is_computed_once;
mod random_changes;
mod random_graphs;
mod related_and_set;
mod searches_are_narrowed;
mod stored;
mod what_goes_wrong_is_no_value;
mod what_it_read_makes_it_missing;
mod what_odoo_demands;
