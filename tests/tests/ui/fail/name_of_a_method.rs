//! An accessor that could not be called.
include!("../schema.rs");

#[derive(Model)]
struct Partner {
    id: i32,
    name: String,
    len: i32,
    #[model(column = lang)]
    get: Option<String>,
    #[model(inverse = Partner::COUNTRY_ID)]
    iter: OneToMany<Partner>,
    country_id: Option<Id<Partner>>,
}

fn main() {
    let _ = Partner::NAME;
    let _ = |partner: Record<Partner>| partner.name();
}
