//! Real data: the film rental shop of Sakila, with its cycle of stores and staff, its two links from a film to a
//! language, and columns that are called as their table. What comes out is what plain SQL gives, at
//! ceil(missing / 1000) SELECTs a level.
//!
//! Skipped, with a message, where the data is not there: it is not part of this repository.
// diesel's tables are public modules.
#![allow(missing_docs, unreachable_pub)]
#![allow(clippy::expect_used, clippy::panic, clippy::use_self)]

mod data;
mod models;
mod walks;
