//! NULL or not: once.
include!("../schema.rs");

#[derive(Model)]
struct Partner {
    id: i32,
    name: String,
    lang: Option<Option<String>>,
    child_ids: Option<OneToMany<Partner>>,
}

fn main() {
    let _ = Partner::NAME;
    let _ = |partner: Record<Partner>| partner.name();
}
