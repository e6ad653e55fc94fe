//! What is no number is not added up, what is no column of the members is not compared, and a condition is one on the members.
include!("../schema.rs");

#[derive(Model)]
#[model(table = countries)]
struct Country {
    id: i32,
    name: String,
    #[model(inverse = Partner::COUNTRY_ID)]
    partner_ids: OneToMany<Partner>,
}

#[derive(Model)]
struct Partner {
    id: i32,
    name: String,
    country_id: Option<Id<Country>>,
    #[model(compute = size)]
    size: Computed<i64>,
}

fn size(partner: &Record<Partner>) -> orm_core::Result<i64> {
    Ok(partner.name()?.len() as i64)
}

fn aggregate(country: &Record<Country>) -> orm_core::Result<()> {
    country.partner_ids().sum(Partner::NAME)?;
    country.partner_ids().sum(Partner::SIZE)?;
    country.partner_ids().max(Partner::COUNTRY_ID)?;
    country.partner_ids().sum(partners::name)?;
    country.partner_ids().count_where(countries::name.eq("x"))?;
    country.partner_ids().count_where(partners::id)?;
    Ok(())
}

fn main() {}
