//! What the derive takes, and what it says of what it does not take.
//!
//! `TRYBUILD=overwrite cargo test -p orm-tests --test ui` writes the expected messages anew; read them after.

#[test]
fn the_derive_takes() {
    trybuild::TestCases::new().pass("tests/ui/pass/*.rs");
}

/// Apart from what is taken: where nothing is to be run trybuild has cargo check all programs at once, on all cores.
#[test]
fn the_derive_refuses() {
    trybuild::TestCases::new().compile_fail("tests/ui/fail/*.rs");
}
