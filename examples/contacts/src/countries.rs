//! Where the money comes from.

use axum::response::Response;
use diesel::dsl::exists;
use diesel::prelude::*;
use maud::html;
use orm_core::prelude::*;

use crate::models::{Country, Order, countries, partners};
use crate::web::{Answer, Visit, money};

pub(crate) async fn list(visit: Visit) -> Response {
    visit
        .answer(|env| {
            let with_partners =
                exists(partners::table.filter(partners::country_id.eq(countries::id.nullable())));
            let countries: RecordSet<Country> =
                countries::table.filter(with_partners).order(countries::name).records(env)?;
            let totals = countries.map(|country| country.partner_ids().order_ids().sum(Order::CENTS))?;
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
