//! Writing, rule by rule: which statements, with how many binds, and what every reader sees (rules W and E of the design).
//!
//! One binary, as linking is what a test costs; one claim per file.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, clippy::use_self)]

mod a_flush_is_few_statements;
mod links_are_written_from_both_sides;
mod lists_follow_their_links;
mod no_update_is_lost;
mod records_are_created_in_few_statements;
mod statements_of_your_own;
mod transactions_put_everything_right;
mod what_is_deleted_is_gone;
mod what_is_written_is_seen_at_once;
mod what_waits_is_sent_before_it_could_be_missed;
