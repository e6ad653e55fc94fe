//! Columns are found by name.
include!("../schema.rs");

#[derive(Model)]
#[model(table = partners)]
struct Partner(i32, String);

fn uses(_: &Record<Partner>) {}

fn main() {}
