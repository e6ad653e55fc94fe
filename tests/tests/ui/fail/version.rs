//! A version counts writes: a whole number, never NULL, once, and not the key.
include!("../schema.rs");

#[derive(Model)]
#[model(table = partners)]
struct Text {
    id: i32,
    #[model(version)]
    name: String,
}

#[derive(Model)]
#[model(table = partners)]
struct Nullable {
    id: i32,
    #[model(version)]
    country_id: Option<i32>,
}

#[derive(Model)]
#[model(table = partners)]
struct Twice {
    id: i32,
    #[model(version, column = len)]
    one: i32,
    #[model(version, column = len)]
    other: i32,
}

#[derive(Model)]
#[model(table = partners)]
struct Key {
    #[model(version)]
    id: i32,
}

#[derive(Model)]
#[model(table = partners)]
struct Link {
    id: i32,
    #[model(version)]
    country_id: Option<Id<Link>>,
}

fn main() {}
