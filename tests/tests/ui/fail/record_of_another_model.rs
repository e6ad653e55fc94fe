//! A link to a country takes no tag.
include!("../schema.rs");

#[derive(Model)]
#[model(table = countries)]
struct Country {
    id: i32,
    name: String,
}

#[derive(Model)]
struct Tag {
    id: i32,
    name: String,
}

#[derive(Model)]
struct Partner {
    id: i32,
    country_id: Option<Id<Country>>,
}

fn write(partner: Record<Partner>, tag: Record<Tag>, id: Id<Tag>, countries: RecordSet<Country>) -> orm_core::Result<()> {
    partner.set_country_id(&tag)?;
    partner.set_country_id(id)?;
    partner.set_country_id("BE")?;
    partner.set_country_id(&countries)?;
    partner.write(Partner::values().country_id(&tag))
}

fn main() {}
