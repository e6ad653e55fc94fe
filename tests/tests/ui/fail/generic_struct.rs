//! A model is one table, with one type per column.
include!("../schema.rs");

#[derive(Model)]
struct Partner<'a, T> {
    id: i32,
    name: &'a T,
}

fn main() {}
