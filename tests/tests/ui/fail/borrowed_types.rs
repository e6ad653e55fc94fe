//! A record owns its values.
include!("../schema.rs");

#[derive(Model)]
struct Partner {
    id: i32,
    name: &'static str,
    lang: Option<&'static str>,
    photo: &'static [u8],
    other: &'static i32,
}

fn main() {}
