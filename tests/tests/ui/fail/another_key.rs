//! The key is the one that diesel's `table!` names.
include!("../schema.rs");

#[derive(Model)]
struct Partner {
    #[model(primary_key)]
    name: String,
    #[model(primary_key)]
    #[model(column = len)]
    length: i32,
}

fn main() {
    let _ = Partner::NAME;
}
