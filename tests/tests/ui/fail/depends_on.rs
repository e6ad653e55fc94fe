//! `depends_on` names columns, of whatever models, that the searches of a function look at.
include!("../schema.rs");

#[derive(Model)]
struct Partner {
    id: i32,
    #[model(depends_on(Partner::LANG))]
    name: String,
    lang: Option<String>,
    #[model(related = country_id.lang, depends_on(Partner::LANG))]
    there: Computed<Option<String>>,
    #[model(compute = label, depends_on)]
    of_nothing: Computed<String>,
    #[model(compute = label, depends_on = Partner::LANG)]
    as_a_value: Computed<String>,
    country_id: Option<Id<Partner>>,
}

fn label(_: &Record<Partner>) -> orm_core::Result<String> {
    Ok(String::new())
}

fn main() {}
