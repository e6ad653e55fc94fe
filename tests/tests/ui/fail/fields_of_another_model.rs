//! A query brings fields of its own model.
include!("../schema.rs");

#[derive(Model)]
#[model(table = countries)]
struct Country {
    id: i32,
    name: String,
}

#[derive(Model)]
struct Partner {
    id: i32,
    name: String,
    country_id: Option<Id<Country>>,
}

fn search(env: &Environment) -> orm_core::Result<()> {
    partners::table.records_with_fields::<Partner>(env, (Partner::NAME, Country::NAME))?;
    partners::table.records_with_fields::<Partner>(env, partners::name)?;
    Ok(())
}

fn main() {}
