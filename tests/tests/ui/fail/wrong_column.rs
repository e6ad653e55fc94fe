//! The column is not in the table.
include!("../schema.rs");

#[derive(Model)]
struct Partner {
    id: i32,
    nme: String,
    #[model(column = language)]
    lang: Option<String>,
}

fn main() {}
