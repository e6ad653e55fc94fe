//! A nullable column needs an `Option`.
include!("../schema.rs");

#[derive(Model)]
struct Partner {
    id: i32,
    name: String,
    lang: String,
}

fn main() {}
