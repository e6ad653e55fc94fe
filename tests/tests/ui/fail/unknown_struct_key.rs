//! A key of the struct that there is not; near ones are proposed.
include!("../schema.rs");

#[derive(Model)]
#[model(tabel = partners)]
struct Partner {
    id: i32,
    name: String,
}

fn main() {}
