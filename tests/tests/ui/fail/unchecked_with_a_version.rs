//! A version is compared by how many rows a write found.
include!("../schema.rs");

#[derive(Model)]
#[model(table = partners, unchecked)]
struct Partner {
    id: i32,
    name: String,
    #[model(version, column = len)]
    number: i32,
}

#[derive(Model)]
#[model(table = countries, unchecked = true)]
struct Country {
    id: i32,
    name: String,
}

fn main() {}
