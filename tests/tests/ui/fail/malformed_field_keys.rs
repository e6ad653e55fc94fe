//! Values that are no values of their key.
include!("../schema.rs");

#[derive(Model)]
struct Partner {
    id: i32,
    #[model(column = "name")]
    name: String,
    #[model(deferred = true, group = html)]
    lang: Option<String>,
    #[model(column)]
    country_id: Option<i32>,
    #[model(column = len order = 3)]
    length: i32,
    #[model(inverse = 3 + 4)]
    child_ids: OneToMany<Partner>,
    #[model(through(partner_tags::tag_id))]
    tag_ids: ManyToMany<Partner>,
}

fn main() {
    let _ = Partner::NAME;
    let _ = |partner: Record<Partner>| partner.name();
}
