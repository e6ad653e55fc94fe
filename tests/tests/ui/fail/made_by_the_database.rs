//! What the database makes is a column that is neither key nor version, and is not set.
include!("../schema.rs");

#[derive(Model)]
#[model(table = countries)]
struct Country {
    #[model(read_only)]
    id: i32,
    #[model(read_only, refresh)]
    name: String,
}

#[derive(Model)]
struct Partner {
    id: i32,
    name: String,
    #[model(refresh, version, column = len)]
    number: i32,
    #[model(read_only, inverse = Partner::COUNTRY_ID)]
    partner_ids: OneToMany<Partner>,
    country_id: Option<Id<Partner>>,
    #[model(refresh = true)]
    lang: Option<String>,
}

fn main() {}
