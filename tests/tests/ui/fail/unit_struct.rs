//! A model has columns.
include!("../schema.rs");

#[derive(Model)]
struct Partner;

fn main() {}
