//! Which of two structs' versions a third one counts is said by the third.
include!("../schema.rs");

#[derive(Model)]
#[model(table = partners)]
struct First {
    id: i32,
    #[model(version, column = len)]
    size: i32,
}

#[derive(Model)]
#[model(table = partners)]
struct Second {
    id: i32,
    #[model(version, column = len)]
    size: i32,
}

#[derive(Model)]
#[model(table = partners)]
struct Third {
    id: i32,
}

#[derive(Model)]
#[model(table = partners, version = len)]
struct Fourth {
    id: i32,
}

fn main() {}
