//! A to-many link has no column.
include!("../schema.rs");

#[derive(Model)]
struct Partner {
    id: i32,
    name: String,
    country_id: Option<Id<Partner>>,
    #[model(inverse = Partner::COUNTRY_ID, column = lang, deferred)]
    child_ids: OneToMany<Partner>,
}

fn main() {
    let _ = Partner::NAME;
    let _ = |partner: Record<Partner>| partner.name();
}
