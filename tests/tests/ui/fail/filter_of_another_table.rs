//! The filter is over the target's columns.
include!("../schema.rs");

#[derive(Model)]
struct Partner {
    id: i32,
    name: String,
    country_id: Option<Id<Partner>>,
    #[model(inverse = Partner::COUNTRY_ID, filter = countries::name.eq("Belgium"))]
    child_ids: OneToMany<Partner>,
}

fn main() {}
