//! Which column is the primary key?
include!("../schema.rs");

#[derive(Model)]
struct Partner {
    number: i32,
    name: String,
}

fn main() {
    let _ = Partner::NAME;
    let _ = |partner: Record<Partner>| partner.name();
}
