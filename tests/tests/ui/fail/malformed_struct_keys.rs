//! Values that are no values of their key.
include!("../schema.rs");

#[derive(Model)]
#[model(table = "partners", connection = 5)]
struct Partner {
    id: i32,
    name: String,
}

fn main() {
    let _ = Partner::NAME;
    let _ = |partner: Record<Partner>| partner.name();
}
