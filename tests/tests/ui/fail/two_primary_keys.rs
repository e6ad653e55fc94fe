//! One of them is enough.
include!("../schema.rs");

#[derive(Model)]
struct Partner {
    #[model(primary_key)]
    id: i32,
    #[model(primary_key)]
    name: String,
}

fn main() {
    let _ = Partner::NAME;
    let _ = |partner: Record<Partner>| partner.name();
}
