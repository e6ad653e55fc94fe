//! What no column can hold.
include!("../schema.rs");

#[derive(Model)]
struct Partner {
    id: i32,
    name: (String, String),
    photo: [u8; 16],
    hook: fn() -> i32,
    raw: *const i32,
}

fn main() {}
