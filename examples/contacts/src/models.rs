//! The tables, and what is told of them.

use std::time::SystemTime;

use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use diesel::backend::Backend;
use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::prelude::*;
use diesel::serialize::{self, Output, ToSql};
use diesel::sql_types::Text;
use orm_core::prelude::*;

diesel::table! { countries { id -> Integer, code -> Text, name -> Text } }
diesel::table! { tags { id -> Integer, name -> Text, hue -> Integer } }
diesel::table! {
    partners {
        id -> Integer, name -> Text, email -> Nullable<Text>, phone -> Nullable<Text>, city -> Nullable<Text>, is_company -> Bool,
        country_id -> Nullable<Integer>, company_id -> Nullable<Integer>, notes -> Nullable<Text>, changed_at -> Timestamp,
        version -> Integer,
    }
}
diesel::table! { partner_tags (partner_id, tag_id) { partner_id -> Integer, tag_id -> Integer } }
diesel::table! {
    orders {
        id -> Integer, partner_id -> Integer, number -> Text, ordered_on -> Date, due_on -> Date, cents -> BigInt, state -> Text,
    }
}
diesel::joinable!(partners -> countries (country_id));
diesel::allow_tables_to_appear_in_same_query!(countries, orders, partner_tags, partners, tags);

#[derive(Debug, Model)]
#[model(table = countries)]
pub struct Country {
    id: i32,
    code: String,
    name: String,
    #[model(inverse = Partner::COUNTRY_ID)]
    partner_ids: OneToMany<Partner>,
}

#[derive(Debug, Model)]
pub struct Tag {
    id: i32,
    name: String,
    /// Of its colour, in degrees
    hue: i32,
}

/// A company, or a person, who may work for one
#[derive(Debug, Model)]
pub struct Partner {
    id: i32,
    name: String,
    email: Option<String>,
    phone: Option<String>,
    city: Option<String>,
    is_company: bool,
    country_id: Option<Id<Country>>,
    company_id: Option<Id<Self>>,
    #[model(deferred)]
    notes: Option<String>,
    #[model(updated_at = moment)]
    changed_at: NaiveDateTime,
    #[model(version)]
    version: i32,
    #[model(inverse = Partner::COMPANY_ID, order = partners::name.asc())]
    person_ids: OneToMany<Self>,
    #[model(through(partner_tags::partner_id, partner_tags::tag_id), order = tags::name.asc())]
    tag_ids: ManyToMany<Tag>,
    #[model(inverse = Order::PARTNER_ID, order = orders::ordered_on.desc())]
    order_ids: OneToMany<Order>,
    #[model(compute = full_name)]
    full_name: Computed<String>,
}

#[derive(Debug, Model)]
pub struct Order {
    id: i32,
    partner_id: Id<Partner>,
    number: String,
    ordered_on: NaiveDate,
    due_on: NaiveDate,
    cents: i64,
    state: State,
}

fn full_name(partner: &Record<Partner>) -> orm_core::Result<String> {
    let name = partner.name()?;
    Ok(partner.company_id().name()?.map_or(name.to_string(), |company| format!("{name}, {company}")))
}

fn moment(now: SystemTime) -> NaiveDateTime {
    DateTime::<Utc>::from(now).naive_utc()
}

/// How far an order has come; text in the database
#[derive(Debug, Clone, Copy, PartialEq, Eq, AsExpression, FromSqlRow)]
#[diesel(sql_type = Text)]
pub enum State {
    Open,
    Overdue,
    Paid,
}

impl State {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Overdue => "overdue",
            Self::Paid => "paid",
        }
    }
}

impl<DB: Backend> FromSql<Text, DB> for State
where
    String: FromSql<Text, DB>,
{
    fn from_sql(value: DB::RawValue<'_>) -> deserialize::Result<Self> {
        match String::from_sql(value)?.as_str() {
            "open" => Ok(Self::Open),
            "overdue" => Ok(Self::Overdue),
            "paid" => Ok(Self::Paid),
            other => Err(format!("there is no state {other:?}").into()),
        }
    }
}

impl<DB: Backend> ToSql<Text, DB> for State
where
    str: ToSql<Text, DB>,
{
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, DB>) -> serialize::Result {
        self.as_str().to_sql(out)
    }
}
