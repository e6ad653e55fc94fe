//! What can be said of a key of several columns, and of links to one.
include!("../schema.rs");

#[derive(Model)]
#[model(table = partner_tags, primary_key(partner_id, tag))]
struct PartnerTag {
    partner_id: i32,
    tag_id: i32,
}

#[derive(Model)]
struct Partner {
    id: i32,
    #[model(columns(name, lang))]
    name: String,
    #[model(columns(country_id))]
    country_id: Option<Id<Partner>>,
    #[model(columns)]
    lang: Option<String>,
}

fn main() {
    let _ = (Partner::NAME, PartnerTag::TAG_ID);
}
