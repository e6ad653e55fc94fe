//! A column that the database makes has no setter, and no value can be given for it.
include!("../schema.rs");

#[derive(Model)]
struct Partner {
    id: i32,
    name: String,
    #[model(read_only)]
    lang: Option<String>,
}

fn write(env: &Environment) -> orm_core::Result<()> {
    env.record::<Partner>(1).set_lang("x")?;
    env.create(Partner::values().name("x").lang("x"))?;
    Ok(())
}

fn main() {}
