//! What a `OneToOne` needs, and what it does not take.
include!("../schema.rs");

#[derive(Model)]
#[model(table = countries)]
struct Country {
    id: i32,
    name: String,
    capital: OneToOne<Partner>,
    nullable: Option<OneToOne<Partner>>,
    #[model(through(partner_tags::partner_id, partner_tags::tag_id))]
    through: OneToOne<Partner>,
    #[model(inverse = Partner::COUNTRY_ID, order = partners::name.asc())]
    ordered: OneToOne<Partner>,
    #[model(inverse = Partner::COUNTRY_ID, column = name)]
    of_a_column: OneToOne<Partner>,
    #[model(inverse = Partner::COUNTRY_ID, deferred)]
    deferred: OneToOne<Partner>,
    #[model(inverse = Partner::COUNTRY_ID)]
    partner: OneToOne<Partner>,
    set_partner: String,
    create_partner: String,
    #[model(inverse = Partner::COUNTRY_ID)]
    text: String,
}

#[derive(Model)]
struct Partner {
    id: i32,
    name: String,
    country_id: Option<Id<Country>>,
}

fn main() {
    let _ = |country: Record<Country>| country.capital().name();
}
