//! A value has no order.
include!("../schema.rs");

#[derive(Model)]
struct Partner {
    id: i32,
    #[model(order = partners::name.asc())]
    name: String,
}

fn main() {
    let _ = Partner::NAME;
    let _ = |partner: Record<Partner>| partner.name();
}
