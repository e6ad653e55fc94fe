//! Only a to-many link comes from elsewhere.
include!("../schema.rs");

#[derive(Model)]
struct Partner {
    id: i32,
    #[model(inverse = Partner::ID)]
    name: String,
    #[model(through(partner_tags::partner_id, partner_tags::tag_id))]
    lang: Option<String>,
}

fn main() {
    let _ = Partner::NAME;
    let _ = |partner: Record<Partner>| partner.name();
}
