//! diesel does not load this from a text column.
include!("../schema.rs");

#[derive(Model)]
struct Partner {
    id: i32,
    name: i32,
    lang: Option<String>,
}

fn main() {}
