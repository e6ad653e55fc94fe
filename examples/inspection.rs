//! Run with: cargo run --example inspection [file.html]
//!
//! Two loops over the guide's demo data, one that is read together and one that asks for each record alone, and what the inspector shows
//! of them: as text here, and as a page in the file.
#![allow(clippy::print_stdout)]

use std::error::Error;

use diesel::prelude::*;
use orm_examples::demo::*;

fn main() -> Result<(), Box<dyn Error>> {
    let env = demo()?;
    env.inspect();

    let refused = env.execute(diesel::sql_query("UPDATE nowhere SET name = ''"));
    assert!(refused.is_err());
    // A set: two statements, whatever its size.
    for partner in &env.all::<Partner>()? {
        partner.country_id().name()?;
    }
    // Records that know of no others: one statement each, which the inspector marks with this line.
    for id in 1..=3 {
        env.record::<Partner>(id).html_title()?;
    }
    env.transaction(|| {
        let partners = partners::table.order(partners::name).records::<Partner>(&env)?;
        partners.iter().try_for_each(|partner| partner.set_name(partner.name()?.to_uppercase()))
    })?;

    let inspection = env.inspection();
    print!("{inspection}");
    let path =
        std::env::args().nth(1).map_or_else(|| std::env::temp_dir().join("orm-inspection.html"), Into::into);
    let page = inspection.to_html();
    std::fs::write(
        &path,
        format!("<!doctype html><meta charset=\"utf-8\"><title>What was sent</title>{page}"),
    )?;
    println!("to be looked at: {}", path.display());
    Ok(())
}
