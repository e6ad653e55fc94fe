//! Nor has a union.
include!("../schema.rs");

#[derive(Model)]
union Partner {
    id: i32,
    number: f32,
}

fn main() {}
