//! An accessor that has the name of a setter, and one that has the name of a method that writes.
include!("../schema.rs");

#[derive(Model)]
struct Partner {
    id: i32,
    name: String,
    #[model(column = lang)]
    set_name: Option<String>,
    #[model(column = len)]
    create: i32,
}

fn main() {
    let _ = |partner: Record<Partner>| partner.set_name("x");
}
