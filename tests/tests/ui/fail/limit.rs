//! A limit is how many members a list has at most.
include!("../schema.rs");

#[derive(Model)]
#[model(table = partners)]
struct Partner {
    id: i32,
    #[model(limit = 3)]
    name: String,
    #[model(limit = 1)]
    country_id: Option<Id<Country>>,
    #[model(through(partner_tags::partner_id, partner_tags::tag_id), limit = 0)]
    none_ids: ManyToMany<Tag>,
    #[model(through(partner_tags::partner_id, partner_tags::tag_id), limit = 5u8)]
    tag_ids: ManyToMany<Tag>,
    #[model(through(partner_tags::partner_id, partner_tags::tag_id), limit = FIVE)]
    five_ids: ManyToMany<Tag>,
}

#[derive(Model)]
#[model(table = countries)]
struct Country {
    id: i32,
    #[model(inverse = Partner::COUNTRY_ID, limit)]
    partner_ids: OneToMany<Partner>,
}

#[derive(Model)]
#[model(table = tags)]
struct Tag {
    id: i32,
}

const FIVE: u32 = 5;

fn main() {}
