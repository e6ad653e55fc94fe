//! `inverse` names a link of the record that it leads to, back to this model.
include!("../schema.rs");

#[derive(Model)]
#[model(table = countries)]
struct Country {
    id: i32,
    name: String,
    #[model(inverse = Partner::NAME)]
    no_link: OneToOne<Partner>,
    #[model(inverse = Partner::PARENT_ID)]
    of_another: OneToOne<Partner>,
    #[model(inverse = Country::PARTNER_IDS)]
    many: OneToOne<Partner>,
    #[model(inverse = Partner::COUNTRY_ID)]
    partner_ids: OneToMany<Partner>,
}

#[derive(Model)]
struct Partner {
    id: i32,
    name: String,
    country_id: Option<Id<Country>>,
    #[model(column = country_id)]
    parent_id: Option<Id<Partner>>,
}

fn main() {}
