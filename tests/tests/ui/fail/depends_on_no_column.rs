//! What is computed, and a list, is no column that a search looks at.
include!("../schema.rs");

#[derive(Model)]
struct Partner {
    id: i32,
    name: String,
    country_id: Option<Id<Partner>>,
    #[model(inverse = Partner::COUNTRY_ID)]
    partner_ids: OneToMany<Partner>,
    #[model(compute = label, depends_on(Partner::LABEL))]
    label: Computed<String>,
    #[model(compute = label, depends_on(Partner::NAME, Partner::PARTNER_IDS))]
    list: Computed<String>,
    #[model(compute = label, depends_on(Partner::NOBODY))]
    unknown: Computed<String>,
    #[model(compute = label, depends_on(Partner::ID, Partner::COUNTRY_ID))]
    fine: Computed<String>,
}

fn label(_: &Record<Partner>) -> orm_core::Result<String> {
    Ok(String::new())
}

fn main() {}
