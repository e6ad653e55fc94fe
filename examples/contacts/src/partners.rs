//! The list of partners, and the page of one.

use axum::Form as Sent;
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use axum::response::{Redirect, Response};
use diesel::dsl::{exists, sum};
use diesel::prelude::*;
use maud::{Markup, html};
use orm_core::prelude::*;
use orm_core::{Page, Result, ViolationKind, aggregate};
use serde::Deserialize;

use crate::db::Environment;
use crate::form::{Errors, Form};
use crate::models::{Order, Partner, Tag, countries, orders, partner_tags, partners};
use crate::web::{Answer, Visit, money};

const PAGE: usize = 25;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Sort {
    #[default]
    Name,
    City,
    Country,
    Orders,
    Total,
}

/// What is looked for, and how it is shown: the address of a list
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Search {
    q: String,
    tag: Option<i32>,
    sort: Sort,
    down: bool,
    page: Option<usize>,
}

impl Search {
    fn page<'env>(&self, env: &'env Environment) -> Result<Page<'env, Partner>> {
        let mut query = partners::table.left_join(countries::table).into_boxed();
        for word in self.q.split_whitespace() {
            let like = format!("%{word}%");
            let named = partners::name.like(like.clone()).or(countries::name.nullable().like(like.clone()));
            query = query.filter(named.or(partners::city.like(like.clone())).or(partners::email.like(like)));
        }
        if let Some(tag) = self.tag {
            let pairs = partner_tags::table.filter(partner_tags::partner_id.eq(partners::id));
            query = query.filter(exists(pairs.filter(partner_tags::tag_id.eq(tag))));
        }
        let orders = orders::table.filter(orders::partner_id.eq(partners::id));
        let count = orders.count().single_value();
        let total = orders.select(sum(orders::cents)).single_value();
        query = match (self.sort, self.down) {
            (Sort::Name, false) => query.order(partners::name.asc()),
            (Sort::Name, true) => query.order(partners::name.desc()),
            (Sort::City, false) => query.order(partners::city.asc()),
            (Sort::City, true) => query.order(partners::city.desc()),
            (Sort::Country, false) => query.order(countries::name.nullable().asc()),
            // Without one they come last, which PostgreSQL says only if it is told to.
            (Sort::Country, true) => {
                let name = countries::name.nullable();
                query.order((name.is_null(), name.desc()))
            }
            (Sort::Orders, false) => query.order(count.asc()),
            (Sort::Orders, true) => query.order(count.desc()),
            (Sort::Total, false) => query.order(total.asc()),
            (Sort::Total, true) => query.order((total.is_null(), total.desc())),
        };
        // So that no page shows what another one has shown
        query.then_order_by(partners::id).page(env, self.page.unwrap_or(1).max(1), PAGE)
    }

    /// The address of the same list, changed
    fn with(&self, change: impl FnOnce(&mut Self)) -> String {
        let mut search = Self { page: None, ..self.clone() };
        change(&mut search);
        let sort = format!("{:?}", search.sort).to_lowercase();
        let mut address = format!("/partners?sort={sort}&down={}", search.down);
        if !search.q.is_empty() {
            address += &format!("&q={}", percent_encoded(&search.q));
        }
        search.tag.iter().for_each(|tag| address += &format!("&tag={tag}"));
        search.page.iter().for_each(|page| address += &format!("&page={page}"));
        address
    }

    fn head(&self, sort: Sort, title: &str) -> Markup {
        let is_this = self.sort == sort;
        // What is counted is looked at from its top.
        let down = if is_this { !self.down } else { matches!(sort, Sort::Orders | Sort::Total) };
        let address = self.with(|search| (search.sort, search.down) = (sort, down));
        html! {
            a href=(address) { (title) @if is_this { span.arrow { @if self.down { "▼" } @else { "▲" } } } }
        }
    }
}

fn percent_encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |encoded, byte| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' => {
            encoded + &char::from(byte).to_string()
        }
        _ => format!("{encoded}%{byte:02X}"),
    })
}

pub(crate) async fn home() -> Redirect {
    Redirect::to("/partners")
}

pub(crate) async fn list(visit: Visit, Query(search): Query<Search>) -> Response {
    visit
        .answer(move |env| {
            let page = search.page(env)?;
            let body = html! {
                form.search action="/partners" {
                    input type="search" name="q" value=(search.q) placeholder="Name, city, country or e-mail" autofocus;
                    @if let Some(tag) = search.tag { input type="hidden" name="tag" value=(tag); }
                    button { "Search" }
                    span.right { b { (page.total) } @if page.total == 1 { " partner" } @else { " partners" } }
                }
                div.tags {
                    @for tag in &env.all::<Tag>()? {
                        @let is_chosen = search.tag == Some(tag.id());
                        @let address = search.with(|search| search.tag = Some(tag.id()).filter(|_| !is_chosen));
                        a.tag.chosen[is_chosen] style={ "--hue:" (tag.hue()?) } href=(address) { (tag.name()?) }
                    }
                }
                table.card.partners {
                    thead {
                        tr {
                            th { (search.head(Sort::Name, "Name")) }
                            th { (search.head(Sort::City, "City")) }
                            th { (search.head(Sort::Country, "Country")) }
                            th { "Tags" }
                            th.number { (search.head(Sort::Orders, "Orders")) }
                            th.number { (search.head(Sort::Total, "Total")) }
                        }
                    }
                    tbody { @for partner in &page.records { (row(&partner)?) } }
                }
                @if page.total == 0 { p.card { "Nobody is called so." } }
                (pager(&search, &page))
            };
            Ok(Answer::page("Partners", body))
        })
        .await
}

/// It asks for what it shows, of one partner. That it is one of many, the record knows.
fn row(partner: &Record<Partner>) -> Result<Markup> {
    let (number, total) =
        partner.order_ids().aggregate((aggregate::count(), aggregate::sum(Order::CENTS)))?;
    Ok(html! {
        tr {
            td {
                a href={ "/partners/" (partner.id()) } { (partner.name()?) }
                @if let Some(company) = partner.company_id().name()? { span.quiet { (company) } }
            }
            td { (partner.city()?.unwrap_or_default()) }
            td { (partner.country_id().name()?.unwrap_or_default()) }
            td { @for tag in partner.tag_ids().iter()? { span.tag style={ "--hue:" (tag.hue()?) } { (tag.name()?) } } }
            td.number { (number) }
            td.number { (money(total)) }
        }
    })
}

fn pager(search: &Search, page: &Page<Partner>) -> Markup {
    let to = |number: usize| search.with(|search| search.page = Some(number));
    html! {
        @if page.pages > 1 {
            nav.pager {
                @if page.number > 1 { a.button.plain rel="prev" href=(to(page.number - 1)) { "‹ Previous" } }
                span { "Page " b { (page.number) } " of " (page.pages) }
                @if page.number < page.pages { a.button.plain rel="next" href=(to(page.number + 1)) { "Next ›" } }
            }
        }
    }
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Notice {
    saved: Option<String>,
}

pub(crate) async fn show(visit: Visit, Path(id): Path<i32>, Query(notice): Query<Notice>) -> Response {
    visit
        .answer(move |env| {
            let partner = env.record::<Partner>(id);
            let saved = html! { @if notice.saved.is_some() { p.notice { "Saved." } } };
            let body = detail(env, &partner, &Form::of(&partner)?, &Errors::new(), saved)?;
            Ok(Answer::page(partner.full_name()?, body))
        })
        .await
}

fn detail(
    env: &Environment,
    partner: &Record<Partner>,
    form: &Form,
    errors: &Errors,
    notice: Markup,
) -> Result<Markup> {
    // Their sum and whether there are any follow from the orders once these are there.
    let orders = partner.order_ids().load()?;
    let people = partner.person_ids().load()?;
    Ok(html! {
        (notice)
        h1 { (partner.full_name()?) }
        p.quiet { "Last changed on " (partner.changed_at()?.format("%-d %B %Y, %H:%M")) " UTC" }
        div.columns {
            form.card method="post" action={ "/partners/" (partner.id()) } {
                (form.show(env, errors)?)
                div.actions {
                    button { "Save" }
                    button.danger formaction={ "/partners/" (partner.id()) "/delete" } { "Delete" }
                }
            }
            div {
                section.card {
                    h2 { "Orders" span.right { (money(partner.order_ids().sum(Order::CENTS)?)) } }
                    @if orders.is_empty() { p.quiet { "None yet." } }
                    table {
                        @for order in &orders {
                            tr {
                                td { (order.number()?) }
                                td { (order.ordered_on()?) }
                                td { span.state.(order.state()?.as_str()) { (order.state()?.as_str()) } }
                                td.number { (money(order.cents()?)) }
                            }
                        }
                    }
                }
                @if partner.is_company()? {
                    section.card {
                        h2 { "People" }
                        @if people.is_empty() { p.quiet { "Nobody yet." } }
                        table {
                            @for person in &people {
                                tr {
                                    td { a href={ "/partners/" (person.id()) } { (person.name()?) } }
                                    td.number { (money(person.order_ids().sum(Order::CENTS)?)) }
                                }
                            }
                        }
                    }
                }
            }
        }
    })
}

pub(crate) async fn update(
    visit: Visit,
    Path(id): Path<i32>,
    Sent(pairs): Sent<Vec<(String, String)>>,
) -> Response {
    visit
        .answer(move |env| {
            let (partner, form) = (env.record::<Partner>(id), Form::from(pairs));
            match form.update(env, &partner)? {
                Ok(()) => Ok(Answer::Redirect(format!("/partners/{id}?saved"))),
                Err(errors) => {
                    let body = detail(env, &partner, &form, &errors, html! {})?;
                    Ok(Answer::with_status(StatusCode::UNPROCESSABLE_ENTITY, partner.full_name()?, body))
                }
            }
        })
        .await
}

pub(crate) async fn delete(visit: Visit, Path(id): Path<i32>) -> Response {
    visit
        .answer(move |env| {
            let partner = env.record::<Partner>(id);
            match partner.delete() {
                Ok(()) => Ok(Answer::Redirect("/partners".into())),
                Err(error) if error.violation().is_some_and(|it| it.kind == ViolationKind::ForeignKey) => {
                    let refused =
                        html! { p.notice.refused { "Who has ordered something cannot be deleted." } };
                    let body = detail(env, &partner, &Form::of(&partner)?, &Errors::new(), refused)?;
                    Ok(Answer::with_status(StatusCode::CONFLICT, partner.full_name()?, body))
                }
                Err(error) => Err(error),
            }
        })
        .await
}

fn new_page(env: &Environment, form: &Form, errors: &Errors) -> Result<Markup> {
    Ok(html! {
        h1 { "New partner" }
        form.card.narrow method="post" action="/partners" {
            (form.show(env, errors)?)
            div.actions { button { "Create" } }
        }
    })
}

pub(crate) async fn new(visit: Visit) -> Response {
    visit
        .answer(|env| Ok(Answer::page("New partner", new_page(env, &Form::default(), &Errors::new())?)))
        .await
}

pub(crate) async fn create(visit: Visit, Sent(pairs): Sent<Vec<(String, String)>>) -> Response {
    visit
        .answer(move |env| {
            let form = Form::from(pairs);
            match form.create(env)? {
                Ok(partner) => Ok(Answer::Redirect(format!("/partners/{}?saved", partner.id()))),
                Err(errors) => {
                    let body = new_page(env, &form, &errors)?;
                    Ok(Answer::with_status(StatusCode::UNPROCESSABLE_ENTITY, "New partner", body))
                }
            }
        })
        .await
}
