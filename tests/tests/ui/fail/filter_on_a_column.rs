//! A value, a link to one record and the other side of one have no filter.
include!("../schema.rs");

#[derive(Model)]
struct Partner {
    id: i32,
    #[model(filter = partners::name.eq("a"))]
    name: String,
    #[model(filter = partners::name.eq("a"))]
    country_id: Option<Id<Partner>>,
    #[model(inverse = Partner::COUNTRY_ID, filter = partners::name.eq("a"))]
    child: OneToOne<Partner>,
    #[model(compute = f, filter = partners::name.eq("a"))]
    number: Computed<i32>,
}

fn f(partner: &Record<Partner>) -> orm_core::Result<i32> {
    Ok(partner.id())
}

fn main() {}
