//! A link's column has the type of the key that it leads to, and is nullable as the link is.
include!("../schema.rs");

#[derive(Model)]
struct Partner {
    id: i32,
    #[model(column = lang)]
    country: Option<Id<Country>>,
    country_id: Id<Country>,
}

#[derive(Model)]
#[model(table = countries)]
struct Country {
    id: i32,
}

fn main() {
    let _ = Partner::COUNTRY_ID;
}
