//! Where the money comes from.

use axum::response::Response;
use diesel::dsl::{exists, sql};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable};
use maud::html;
use orm_core::prelude::*;

use crate::models::{Country, countries, orders, partners};
use crate::web::{Answer, Visit, money};

pub(crate) async fn list(visit: Visit) -> Response {
    visit
        .answer(|env| {
            let with_partners =
                exists(partners::table.filter(partners::country_id.eq(countries::id.nullable())));
            let countries: RecordSet<Country> =
                countries::table.filter(with_partners).order(countries::name).records(env)?;
            // What each partner has ordered, in SQL: so it is added up through two links where the rows are.
            let ordered = || {
                let orders = orders::table.filter(orders::partner_id.eq(partners::id));
                orders.select(sql::<Nullable<BigInt>>("SUM(orders.cents)")).single_value()
            };
            let totals = countries.map(|country| country.partner_ids().sum(ordered()))?;
            let largest = totals.iter().copied().max().unwrap_or(0).max(1);
            let body = html! {
                h1 { "Countries" }
                table.card {
                    thead { tr { th { "Country" } th.number { "Partners" } th.number { "Total" } th {} } }
                    tbody {
                        @for (country, total) in countries.iter().zip(totals) {
                            tr {
                                td { a href={ "/partners?q=" (country.name()?) } { (country.name()?) } }
                                td.number { (country.partner_ids().len()?) }
                                td.number { (money(total)) }
                                td.bar { i style={ "width:" (100 * total / largest) "%" } {} }
                            }
                        }
                    }
                }
            };
            Ok(Answer::page("Countries", body))
        })
        .await
}
