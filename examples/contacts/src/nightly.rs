//! The job of the night: all orders, however many there are, a thousand at a time.

use std::collections::BTreeMap;
use std::fmt;

use chrono::NaiveDate;
use indicatif::ProgressBar;
use orm_core::Result;
use orm_core::prelude::*;

use crate::db::{Environment, reads_then_writes};
use crate::models::{Order, State, orders};
use crate::web::money;

/// What was found
#[derive(Debug, Default)]
pub struct Report {
    pub orders: usize,
    /// Those that became overdue with this run
    pub overdue: usize,
    /// What is not paid, in cents, by country
    pub unpaid: BTreeMap<String, i64>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} orders, {} of them overdue since today", self.orders, self.overdue)?;
        let mut unpaid: Vec<_> = self.unpaid.iter().collect();
        unpaid.sort_by_key(|&(_, &cents)| -cents);
        unpaid.iter().try_for_each(|(country, cents)| write!(f, "\n  {:<24} {:>16}", country, money(**cents)))
    }
}

/// Marks what is overdue, and adds up what is not paid. What was cached for a batch is freed before the next one.
///
/// # Errors
///
/// Those of the database: batches that were done before stay done.
pub fn run(env: &Environment, today: NaiveDate, bar: &ProgressBar) -> Result<Report> {
    let mut report = Report::default();
    bar.set_length(orders::table.count_records::<Order>(env)? as u64);
    for batch in env.batches_by_key::<Order, _>(orders::table, 1_000) {
        let orders = batch?;
        env.transaction_with(reads_then_writes(env), || {
            for order in &orders {
                if order.state()? == State::Open && order.due_on()? < today {
                    order.set_state(State::Overdue)?;
                    report.overdue += 1;
                }
                if order.state()? != State::Paid {
                    let country = order.partner_id().country_id().name()?.unwrap_or_default();
                    *report.unpaid.entry(country.into()).or_default() += order.cents()?;
                }
            }
            Ok(())
        })?;
        report.orders += orders.len();
        bar.inc(orders.len() as u64);
    }
    bar.finish();
    Ok(report)
}
