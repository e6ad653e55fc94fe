//! A key of a field, on the struct.
include!("../schema.rs");

#[derive(Model)]
#[model(primary_key = id)]
struct Partner {
    id: i32,
    name: String,
}

fn main() {
    let _ = Partner::NAME;
    let _ = |partner: Record<Partner>| partner.name();
}
