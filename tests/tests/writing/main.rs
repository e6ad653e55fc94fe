//! Writing, rule by rule: which statements, with how many binds, and what every reader sees (rules W and E of the design).
//!
//! One binary, as linking is what a test costs; one claim per file.
#![allow(clippy::expect_used, clippy::panic, clippy::use_self)]

mod what_is_written_is_seen_at_once;
