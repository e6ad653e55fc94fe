//! Rows that share a part of the key would be taken for one.
include!("../schema.rs");

#[derive(Model)]
#[model(table = partner_tags)]
struct PartnerTag {
    #[model(primary_key)]
    partner_id: i32,
    tag_id: i32,
}

fn main() {
    let _ = PartnerTag::TAG_ID;
}
