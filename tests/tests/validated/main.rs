//! Records are validated before anything of them can be committed (rules V of the design).
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, clippy::use_self)]

mod records_are_validated;
