//! What there is to say stands in parentheses.
include!("../schema.rs");

#[derive(Model)]
#[model = "partners"]
struct Partner {
    id: i32,
    #[model]
    name: String,
    #[model = "lang"]
    lang: Option<String>,
}

fn main() {}
