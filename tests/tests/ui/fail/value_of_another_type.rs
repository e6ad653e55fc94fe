//! A setter takes what converts into the field's type.
include!("../schema.rs");

#[derive(Model)]
struct Partner {
    id: i32,
    name: String,
    lang: Option<String>,
    #[model(column = len)]
    length: i32,
}

fn write(partner: Record<Partner>) -> orm_core::Result<()> {
    partner.set_name(5)?;
    partner.set_lang(Some(5))?;
    partner.set_length("5")?;
    partner.write(Partner::values().length(5_i64))
}

fn main() {}
