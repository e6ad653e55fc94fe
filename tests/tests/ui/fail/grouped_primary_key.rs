//! Every record has its key.
include!("../schema.rs");

#[derive(Model)]
struct Partner {
    #[model(primary_key, group = "keys")]
    id: i32,
    name: String,
}

fn main() {
    let _ = Partner::NAME;
    let _ = |partner: Record<Partner>| partner.name();
}
