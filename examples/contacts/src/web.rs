//! One environment for each request, and what it has sent shown under the page.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use orm_core::{Error, Inspection, Result};
use orm_web::{Environments, Failure};

use crate::db::{self, Connection, Environment, Pool};

/// How many requests are remembered
const REMEMBERED: usize = 50;

/// What all requests share
#[derive(Debug, Clone)]
pub struct App {
    environments: Environments<Connection>,
    answered: Arc<Mutex<VecDeque<Answered>>>,
}

/// A request, and what was sent for it
#[derive(Debug, Clone)]
pub(crate) struct Answered {
    pub(crate) request: String,
    pub(crate) status: StatusCode,
    pub(crate) inspection: Inspection,
}

impl App {
    pub fn new(pool: Pool) -> Self {
        let environments = Environments::made_by(move || db::environment(pool.clone()));
        Self { environments, answered: Arc::default() }
    }

    /// The last requests, the latest first
    pub(crate) fn answered(&self) -> Vec<Answered> {
        self.answered.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    fn remember(&self, answered: Answered) {
        let mut all = self.answered.lock().unwrap_or_else(PoisonError::into_inner);
        all.push_front(answered);
        all.truncate(REMEMBERED);
    }
}

/// A request that is to be answered
pub(crate) struct Visit {
    pub(crate) app: App,
    request: String,
}

impl FromRequestParts<App> for Visit {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> std::result::Result<Self, Self::Rejection> {
        Ok(Self { app: app.clone(), request: format!("{} {}", parts.method, parts.uri) })
    }
}

/// What a request is answered with
pub(crate) enum Answer {
    Page { status: StatusCode, title: String, body: Markup },
    Redirect(String),
}

impl Answer {
    pub(crate) fn page(title: impl Into<String>, body: Markup) -> Self {
        Self::with_status(StatusCode::OK, title, body)
    }

    pub(crate) fn with_status(status: StatusCode, title: impl Into<String>, body: Markup) -> Self {
        Self::Page { status, title: title.into(), body }
    }

    fn failed(error: &Error) -> Self {
        let status = orm_web::status(error);
        let what = match status {
            StatusCode::NOT_FOUND => "There is no such page.",
            StatusCode::CONFLICT => "Somebody else has changed this meanwhile. Please look at it again.",
            StatusCode::SERVICE_UNAVAILABLE => "The database is busy. Please try again.",
            _ => {
                eprintln!("{error}");
                "Something went wrong."
            }
        };
        let title = status.canonical_reason().unwrap_or("Error");
        Self::with_status(status, title, html! { h1 { (title) } p.card { (what) } })
    }
}

impl Visit {
    /// Answers by a function that is given an environment of its own, in a thread that may wait for the database.
    pub(crate) async fn answer(
        self,
        work: impl FnOnce(&Environment) -> Result<Answer> + Send + 'static,
    ) -> Response {
        let Self { app, request } = self;
        let environments = app.environments.clone();
        let answering = environments.run(move |env| {
            env.inspect();
            let answer = work(env).unwrap_or_else(|error| Answer::failed(&error));
            let inspection = env.inspection();
            let timing = server_timing(&inspection);
            Ok(match answer {
                Answer::Page { status, title, body } => {
                    app.remember(Answered { request, status, inspection: inspection.clone() });
                    (status, timing, Html(page(&title, &body, &inspection).into_string())).into_response()
                }
                Answer::Redirect(to) => {
                    let status = StatusCode::SEE_OTHER;
                    app.remember(Answered { request, status, inspection });
                    (status, timing, [(header::LOCATION, to)]).into_response()
                }
            })
        });
        answering.await.unwrap_or_else(|error| Failure(error).into_response())
    }
}

/// Shown by the browser's own tools, beside the network's times
fn server_timing(inspection: &Inspection) -> [(HeaderName, String); 1] {
    let milliseconds = inspection.in_database().as_secs_f64() * 1e3;
    let statements = inspection.statements.len();
    let timing = format!("db;dur={milliseconds:.2};desc=\"{statements} {}\"", statements_of(statements));
    [(HeaderName::from_static("server-timing"), timing)]
}

fn page(title: &str, body: &Markup, inspection: &Inspection) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) " · Contacts" }
                link rel="stylesheet" href="/style.css";
                link rel="icon" href="data:,";
            }
            body {
                header {
                    a.logo href="/partners" { "Contacts" }
                    nav {
                        @for (address, name) in [("/partners", "Partners"), ("/countries", "Countries"), ("/requests", "Requests")] {
                            a href=(address) aria-current=[(name == title).then_some("page")] { (name) }
                        }
                    }
                    a.button href="/partners/new" { "New partner" }
                }
                main { (body) }
                footer { (inspector(inspection)) }
            }
        }
    }
}

/// How much was sent in what time; a click shows what.
pub(crate) fn inspector(inspection: &Inspection) -> Markup {
    html! {
        details.inspector {
            summary { (sent(inspection)) }
            (PreEscaped(inspection.panel()))
        }
    }
}

pub(crate) fn sent(inspection: &Inspection) -> Markup {
    let statements = inspection.statements.len();
    let milliseconds = |time: std::time::Duration| format!("{:.1} ms", time.as_secs_f64() * 1e3);
    html! {
        b { (statements) " " (statements_of(statements)) }
        " in " (milliseconds(inspection.in_database()))
        span.quiet { " of " (milliseconds(inspection.took)) }
    }
}

fn statements_of(number: usize) -> &'static str {
    if number == 1 { "statement" } else { "statements" }
}

pub(crate) async fn style() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/css")], [Inspection::style(), include_str!("style.css")].concat())
}

pub(crate) async fn nothing(visit: Visit) -> Response {
    let page = || Answer::with_status(StatusCode::NOT_FOUND, "Not Found", html! { h1 { "Not Found" } });
    visit.answer(move |_| Ok(page())).await
}

/// An amount as people write it: 1,234.50
pub(crate) fn money(cents: i64) -> String {
    let digits = (cents / 100).unsigned_abs().to_string();
    let mut whole = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            whole.push(',');
        }
        whole.push(digit);
    }
    let sign = if cents < 0 { "-" } else { "" };
    format!("{sign}{whole}.{:02}", cents.unsigned_abs() % 100)
}
