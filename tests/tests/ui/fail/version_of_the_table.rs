//! The version that no field holds is a column of its own, and there is one.
include!("../schema.rs");

#[derive(Model)]
#[model(table = partners, version = name)]
struct Text {
    id: i32,
}

#[derive(Model)]
#[model(table = partners, version = nothing)]
struct Nothing {
    id: i32,
}

#[derive(Model)]
#[model(table = partners, version = len)]
struct Field {
    id: i32,
    #[model(column = len)]
    size: i32,
}

#[derive(Model)]
#[model(table = partners, version = len)]
struct Twice {
    id: i32,
    #[model(version, column = len)]
    number: i32,
}

#[derive(Model)]
#[model(table = countries, version)]
struct Alone {
    id: i32,
    name: String,
}

fn main() {}
