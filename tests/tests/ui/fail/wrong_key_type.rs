//! diesel does not load this from the key's column.
include!("../schema.rs");

#[derive(Model)]
struct Partner {
    id: String,
    name: String,
}

fn main() {}
