//! Not there yet.
include!("../schema.rs");

#[derive(Model)]
struct Partner {
    id: i32,
    name: String,
    label: Computed<String>,
    #[model(compute = language)]
    lang: Option<String>,
}

fn main() {
    let _ = Partner::NAME;
    let _ = |partner: Record<Partner>| partner.name();
}
