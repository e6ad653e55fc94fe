//! A computed field has a function, a type that a cell can hold, and no column.
include!("../schema.rs");

#[derive(Model)]
struct Partner {
    id: i32,
    name: String,
    label: Computed<String>,
    #[model(compute = language)]
    lang: Option<String>,
    #[model(compute = language, compute_all = languages)]
    twice: Computed<String>,
    #[model(compute = language, deferred, column = lang)]
    late: Computed<String>,
    #[model(compute = "language")]
    quoted: Computed<String>,
    #[model(compute)]
    unsaid: Computed<String>,
    #[model(compute = language)]
    any: Computed,
    #[model(compute = language)]
    links: Computed<OneToMany<Partner>>,
    #[model(compute = language, through(partner_tags::partner_id, partner_tags::tag_id))]
    back: Computed<String>,
    #[model(related = country.name)]
    nowhere: Computed<String>,
    #[model(related = name)]
    short: Computed<String>,
    #[model(compute = language, related = country_id.name)]
    both: Computed<String>,
    #[model(related = country_id.name)]
    column: String,
    #[model(related = "country_id.name")]
    text: Computed<String>,
    #[model(related = country_id.id, inverse)]
    key: Computed<Option<i32>>,
    #[model(compute = language, inverse)]
    unset: Computed<String>,
    country_id: Option<Id<Partner>>,
}

fn language(_: &Record<Partner>) -> orm_core::Result<String> {
    Ok(String::new())
}

fn main() {
    let _ = Partner::NAME;
    let _ = |partner: Record<Partner>| partner.name();
}
