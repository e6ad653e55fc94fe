//! Keys of a field that there are not; all of them are reported.
include!("../schema.rs");

#[derive(Model)]
struct Partner {
    id: i32,
    #[model(colum = name)]
    name: String,
    #[model(lazy, defered)]
    lang: Option<String>,
    #[model(table = partners)]
    country_id: Option<i32>,
}

fn main() {
    let _ = Partner::NAME;
    let _ = |partner: Record<Partner>| partner.name();
}
