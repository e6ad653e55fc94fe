//! What the tests and benches share: models, data, and the means to count and to measure.
// A model's struct stands for a table; nobody prints it.
#![allow(missing_debug_implementations)]
#![allow(clippy::use_self)]
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

pub mod bank;
pub mod computed;
pub mod database;
pub mod events;
pub mod geonames;
pub mod harness;
pub mod music;
pub mod orders;
pub mod partners;
pub mod statements;
pub mod told;

pub use database::{File, TestDb};
