//! A computed link is what can be given for a link of its model.
include!("../schema.rs");

#[derive(Model)]
#[model(table = countries)]
struct Country {
    id: i32,
    name: String,
}

#[derive(Model)]
struct Partner {
    id: i32,
    name: String,
    #[model(compute = of_a_partner)]
    another: Computed<Option<Id<Country>>>,
    #[model(compute = may_be_none)]
    never_null: Computed<Id<Country>>,
    #[model(compute = number, inverse = set_name)]
    taken: Computed<Option<Id<Country>>>,
}

fn of_a_partner(partner: &Record<Partner>) -> orm_core::Result<Id<Partner>> {
    Ok(partner.into())
}

fn may_be_none(_: &Record<Partner>) -> orm_core::Result<Option<Id<Country>>> {
    Ok(None)
}

fn number(_: &Record<Partner>) -> orm_core::Result<i32> {
    Ok(1)
}

fn set_name(_: &Record<Partner>, _: String) -> orm_core::Result<()> {
    Ok(())
}

fn main() {}
