//! An `Option` of another type than the accessor gives is given by reference, and for a column that is NOT NULL not at all.
include!("../schema.rs");

diesel::table! { orders { id -> Integer, partner_id -> Integer } }

#[derive(Model)]
#[model(table = countries)]
struct Country {
    id: i32,
}

#[derive(Model)]
struct Partner {
    id: i32,
    name: String,
    lang: Option<String>,
    country_id: Option<Id<Country>>,
}

#[derive(Model)]
struct Order {
    id: i32,
    partner_id: Id<Partner>,
}

fn write(partner: Record<Partner>, order: Record<Order>, parent: ToOptional<Partner>) -> orm_core::Result<()> {
    partner.set_lang(Some("fr"))?;
    partner.set_name(Some(String::new()))?;
    partner.set_country_id(Some(3))?;
    order.set_partner_id(&parent)?;
    partner.set_country_id(&Some("BE"))?;
    Ok(())
}

fn main() {}
