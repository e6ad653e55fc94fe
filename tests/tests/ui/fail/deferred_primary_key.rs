//! Every record has its key.
include!("../schema.rs");

#[derive(Model)]
struct Partner {
    #[model(deferred)]
    id: i32,
    name: String,
}

fn main() {
    let _ = Partner::NAME;
    let _ = |partner: Record<Partner>| partner.name();
}
