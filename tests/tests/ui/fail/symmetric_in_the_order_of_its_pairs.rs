//! A pair may be there in two rows: nobody could say by which it is put in order.
include!("../schema.rs");

#[derive(Model)]
struct Partner {
    id: i32,
    name: String,
    #[model(through(partner_tags::partner_id, partner_tags::tag_id), symmetric, order = partner_tags::tag_id.desc())]
    friend_ids: ManyToMany<Partner>,
}

fn main() {}
