//! A time is put into a column that holds one.
include!("../schema.rs");

#[derive(Model)]
struct Partner {
    #[model(created_at)]
    id: i32,
    #[model(created_at, updated_at)]
    name: String,
    #[model(updated_at)]
    country_id: Option<Id<Partner>>,
    #[model(created_at)]
    #[model(inverse = Partner::COUNTRY_ID)]
    partner_ids: OneToMany<Partner>,
    #[model(version, updated_at)]
    #[model(column = len)]
    length: i32,
    #[model(read_only, updated_at)]
    lang: Option<String>,
    #[model(updated_at, column = lang)]
    text: Option<String>,
    #[model(updated_at = 7, column = name)]
    other: String,
    #[model(created_at("utc"), column = name)]
    another: String,
}

fn main() {}
