//! Where would it lead?
include!("../schema.rs");

#[derive(Model)]
#[model(table = countries)]
struct Country {
    id: i32,
    name: String,
    partner_ids: OneToMany<Partner>,
}

#[derive(Model)]
struct Partner {
    id: i32,
    name: String,
    country_id: Option<Id<Country>>,
}

fn main() {
    let _ = |country: Record<Country>| country.partner_ids().name();
}
