//! The last requests, and what was sent for each.

use axum::response::Response;
use maud::{PreEscaped, html};

use crate::web::{Answer, Visit, sent};

pub(crate) async fn list(visit: Visit) -> Response {
    let answered = visit.app.answered();
    visit
        .answer(move |_| {
            let body = html! {
                h1 { "The last requests" }
                @if answered.is_empty() {
                    p.card { "None yet." }
                }
                @for answered in &answered {
                    details.card.request {
                        summary {
                            span.status.refused[answered.status.as_u16() >= 400] { (answered.status.as_u16()) }
                            code { (answered.request) }
                            span.right { (sent(&answered.inspection)) }
                        }
                        (PreEscaped(answered.inspection.panel()))
                    }
                }
            };
            Ok(Answer::page("Requests", body))
        })
        .await
}
