//! A setter of a link that points back takes what a nullable link takes.
include!("../schema.rs");

#[derive(Model)]
#[model(table = countries)]
struct Country {
    id: i32,
    name: String,
    #[model(inverse = Partner::COUNTRY_ID)]
    partner: OneToOne<Partner>,
}

#[derive(Model)]
struct Partner {
    id: i32,
    name: String,
    country_id: Option<Id<Country>>,
}

fn main() {
    let _ = |country: Record<Country>| country.set_partner(&country);
    let _ = |country: Record<Country>| country.create_partner(Country::values());
    let _ = Country::values().partner(1);
}
