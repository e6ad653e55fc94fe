//! A link to a country takes no draft of a tag, and a record that is there links to no draft.
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

fn write(env: &Environment, partner: Record<Partner>) -> orm_core::Result<()> {
    let mut drafts = env.drafts();
    let tag = drafts.add(Tag::values().name("press"));
    let country = drafts.add(Country::values().name("Belgium"));
    drafts.add(Partner::values().country_id(tag));
    partner.set_country_id(country)?;
    drafts.change(tag, |values| Country::values())?;
    let created = drafts.create()?;
    let _: Record<Country> = created.get(tag)?;
    drafts.add(Tag::values());
    Ok(())
}

fn main() {}
