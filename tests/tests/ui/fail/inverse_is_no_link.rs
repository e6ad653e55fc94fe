//! `inverse` has to name a link that points back.
include!("../schema.rs");

#[derive(Model)]
#[model(table = countries)]
struct Country {
    id: i32,
    name: String,
    #[model(inverse = Partner::NAME)]
    partner_ids: OneToMany<Partner>,
}

#[derive(Model)]
struct Partner {
    id: i32,
    name: String,
    country_id: Option<Id<Country>>,
}

fn main() {}
