//! What is no `From<SystemTime>` needs a function, which takes a time and gives a value of the field's type.
include!("../schema.rs");

#[derive(Model)]
struct Partner {
    id: i32,
    #[model(created_at, column = len)]
    created: i32,
    #[model(updated_at = seconds)]
    lang: Option<String>,
    #[model(updated_at = Partner::nothing, column = len)]
    length: i32,
}

fn seconds(_: std::time::SystemTime) -> i64 {
    0
}

fn main() {}
