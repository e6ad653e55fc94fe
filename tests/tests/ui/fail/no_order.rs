//! The records of a model with a field that is called as a method of `Ord` have no order.
include!("../schema.rs");

diesel::table! { ranges { id -> Integer, max -> Integer } }

#[derive(Model)]
struct Range {
    id: i32,
    max: i32,
}

fn compare(a: Record<Range>, b: Record<Range>) -> bool {
    a < b
}

fn sort(mut all: Vec<Record<Range>>) {
    all.sort();
}

fn main() {}
