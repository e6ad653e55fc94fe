//! What is computed is neither set, nor given, nor put into the cache, nor selected.
include!("../schema.rs");

#[derive(Model)]
struct Partner {
    id: i32,
    name: String,
    #[model(compute = label)]
    label: Computed<String>,
}

fn label(partner: &Record<Partner>) -> orm_core::Result<String> {
    Ok(partner.name()?.to_string())
}

fn write(env: &Environment) -> orm_core::Result<()> {
    env.record::<Partner>(1).set_label("x")?;
    env.create(Partner::values().label("x"))?;
    env.cache().set(Partner::LABEL, 1, "x");
    partners::table.records_with_fields::<Partner>(env, Partner::LABEL)?;
    Ok(())
}

fn main() {}
