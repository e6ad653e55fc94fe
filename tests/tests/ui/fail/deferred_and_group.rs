//! Loaded alone, or with the group?
include!("../schema.rs");

#[derive(Model)]
struct Partner {
    id: i32,
    #[model(deferred, group = "html")]
    name: String,
}

fn main() {
    let _ = Partner::NAME;
    let _ = |partner: Record<Partner>| partner.name();
}
