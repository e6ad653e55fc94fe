//! The steps are links of models, the last one a field; a function that sets takes the record and the value.
include!("../schema.rs");

#[derive(Model)]
#[model(table = countries)]
struct Country {
    id: i32,
    name: String,
    #[model(compute = country_label)]
    label: Computed<String>,
}

fn country_label(country: &Record<Country>) -> orm_core::Result<String> {
    Ok(country.name()?.to_string())
}

#[derive(Model)]
struct Partner {
    id: i32,
    name: String,
    country_id: Option<Id<Country>>,
    #[model(related = country_id.title)]
    unknown: Computed<Option<String>>,
    #[model(related = country_id.name)]
    never_null: Computed<String>,
    #[model(related = country_id.label, inverse)]
    not_set: Computed<Option<String>>,
    #[model(compute = label, inverse = set_label)]
    label: Computed<String>,
    #[model(compute = label, inverse = Partner::NAME)]
    other: Computed<String>,
}

fn label(partner: &Record<Partner>) -> orm_core::Result<String> {
    Ok(partner.name()?.to_string())
}

fn set_label(_: &Record<Partner>, _: i32) -> orm_core::Result<()> {
    Ok(())
}

fn main() {}
