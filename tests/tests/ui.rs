//! What the derive takes, and what it says of what it does not take.
//!
//! `TRYBUILD=overwrite cargo test -p orm-tests --test ui` writes the expected messages anew; read them after.

#[test]
fn the_derive_takes_and_refuses() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/ui/pass/*.rs");
    cases.compile_fail("tests/ui/fail/*.rs");
}
