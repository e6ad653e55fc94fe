//! What `scope`, `unscoped` and `symmetric` are given, and where they stand.
include!("../schema.rs");

#[derive(Model)]
#[model(scope)]
struct Country {
    id: i32,
    #[model(scope = countries::id.gt(1))]
    name: String,
}

#[derive(Model)]
struct Partner {
    id: i32,
    #[model(unscoped = true)]
    name: String,
    #[model(unscoped, symmetric)]
    country_id: Option<Id<Country>>,
    #[model(inverse = Partner::COUNTRY_ID, symmetric)]
    partner_ids: OneToMany<Partner>,
}

fn main() {}
