//! Each page, asked for as a browser would, and how many statements it takes: as many for a page of 25 partners as for one.
#![allow(clippy::panic, clippy::unwrap_used, missing_docs)]

use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use contacts::models::{Order, Partner, State, orders, partners};
use contacts::{import, nightly};
use diesel::prelude::*;
use indicatif::ProgressBar;
use orm_core::prelude::*;
use tower::ServiceExt;

mod site;
use site::{Site, today};

struct Reply {
    status: StatusCode,
    /// How many were sent for it, as its header says
    statements: usize,
    location: Option<String>,
    body: String,
}

impl Reply {
    /// What stands in the table of partners, cell by cell
    fn rows(&self) -> Vec<Vec<String>> {
        let table = self.body.split("<tbody>").nth(1).unwrap().split("</tbody>").next().unwrap();
        let cells = |row: &str| row.split("<td").skip(1).map(text).collect();
        table.split("<tr>").skip(1).map(cells).collect()
    }

    fn names(&self) -> Vec<String> {
        self.rows().into_iter().map(|mut row| row.swap_remove(0)).collect()
    }

    fn errors(&self) -> Vec<String> {
        self.body.split("<p class=\"error").skip(1).map(|it| text(it.split("</p>").next().unwrap())).collect()
    }
}

/// HTML from behind the name of an element, without its tags
fn text(html: &str) -> String {
    let parts = html.split('<').map(|part| part.split_once('>').map_or("", |(_, text)| text));
    parts.filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

fn ask(site: &Site, request: Request<Body>) -> Reply {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let response = site.pages.clone().oneshot(request).await.unwrap();
        let status = response.status();
        let text = |name: &str| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        let timing = text("server-timing").unwrap_or_default();
        let statements = timing.split('"').nth(1).and_then(|it| it.split(' ').next()).unwrap_or("0");
        let (location, statements) = (text("location"), statements.parse().unwrap());
        let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        Reply { status, statements, location, body: String::from_utf8(body.to_vec()).unwrap() }
    })
}

fn get(site: &Site, page: &str) -> Reply {
    ask(site, Request::get(page).body(Body::empty()).unwrap())
}

fn post(site: &Site, page: &str, form: &str) -> Reply {
    let request = Request::post(page).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    ask(site, request.body(Body::from(form.to_owned())).unwrap())
}

fn site() -> Site {
    Site::new(12, 60)
}

#[test]
fn a_list_takes_as_many_statements_however_long_it_is() {
    let site = site();
    let all = get(&site, "/partners");
    assert_eq!((all.status, all.rows().len()), (StatusCode::OK, 25));
    // How many, which, all tags, their companies, countries, tags, numbers of orders, and totals
    assert_eq!(all.statements, 7);
    let one = get(&site, "/partners?q=azure+atlas+office");
    assert_eq!(one.names(), ["Azure Atlas"]);
    // It has no company.
    assert_eq!(one.statements, 6);
    assert!(all.body.contains("<b>7 statements</b>"));
    assert!(all.body.contains("examples/contacts/src/partners.rs:"), "the line of code that asked");
    // Nothing was asked for one record alone.
    assert!(!all.body.contains("times from this line"));
}

#[test]
fn a_list_is_sorted_by_what_is_linked() {
    let site = site();
    let column = |sort: &str, column: usize| {
        let rows = get(&site, &format!("/partners?sort={sort}")).rows();
        rows.into_iter().map(|mut row| row.swap_remove(column)).collect::<Vec<_>>()
    };
    let countries = column("country&down=true", 2);
    assert!(countries.is_sorted_by(|one, next| one >= next), "{countries:?}");
    let number = |text: String| text.replace(',', "").parse::<f64>().unwrap();
    for (by, place) in [("orders&down=true", 4), ("total&down=true", 5)] {
        let numbers: Vec<f64> = column(by, place).into_iter().map(number).collect();
        assert!(numbers[0] > 0.0 && numbers.is_sorted_by(|one, next| one >= next), "{by}: {numbers:?}");
    }
    let numbers: Vec<f64> = column("orders&down=false", 4).into_iter().map(number).collect();
    assert!(numbers.is_sorted(), "{numbers:?}");
    assert!(column("city&down=false", 1).is_sorted());
}

#[test]
fn pages_show_each_partner_once() {
    let site = site();
    let pages: Vec<_> = (1..=4).map(|page| get(&site, &format!("/partners?page={page}"))).collect();
    assert_eq!(pages.iter().map(|page| page.rows().len()).collect::<Vec<_>>(), [25, 25, 22, 0]);
    let ids = pages.iter().flat_map(|page| page.body.split("<a href=\"/partners/").skip(1));
    let ids: std::collections::BTreeSet<&str> = ids.map(|it| it.split('"').next().unwrap()).collect();
    assert_eq!(ids.len(), 72);
    // Behind the last page there is nothing to read: how many there are, and the tags
    assert_eq!(pages[3].statements, 2);
}

#[test]
fn a_search_finds_by_linked_columns_and_tags() {
    let site = site();
    let belgians = get(&site, "/partners?q=belg+ghent");
    assert!(!belgians.rows().is_empty());
    assert!(belgians.rows().iter().all(|row| row[2] == "Belgium"));
    let tagged = get(&site, "/partners?tag=3");
    assert!(!tagged.rows().is_empty());
    assert!(tagged.rows().iter().all(|row| row[3].contains("press")), "{:?}", tagged.rows());
    let nobody = get(&site, "/partners?q=%25nobody");
    assert!(nobody.body.contains("Nobody is called so."));
}

#[test]
fn a_partner_has_a_page() {
    let site = site();
    let company = get(&site, "/partners/1");
    assert_eq!(company.status, StatusCode::OK);
    assert!(company.body.contains("Azure Atlas") && company.body.contains("People"));
    // The partner, its notes, tags, orders and people, what these have ordered; and of the form: countries, tags, companies
    assert_eq!(company.statements, 9);
    let gone = get(&site, "/partners/999");
    assert_eq!((gone.status, gone.statements), (StatusCode::NOT_FOUND, 1));
}

#[test]
fn a_partner_is_created_and_what_is_wrong_stands_at_the_field() {
    let site = site();
    assert_eq!(get(&site, "/partners/new").statements, 3);
    let refused = post(&site, "/partners", "name=+&email=nowhere&city=Ghent&is_company=on&company=2&tag=2");
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(refused.errors().len(), 3);
    assert!(refused.body.contains("value=\"Ghent\""), "what was entered is still there");
    // Only those of the form
    assert_eq!(refused.statements, 3);

    let form =
        "name=%3Cb%3EDora%3C%2Fb%3E&email=dora%40new.example&country=21&company=2&tag=2&tag=3&notes=Hello";
    let created = post(&site, "/partners", form);
    assert_eq!(
        (created.status, created.location.as_deref()),
        (StatusCode::SEE_OTHER, Some("/partners/73?saved"))
    );
    // BEGIN, the partner, its tags, COMMIT; over an AnyConnection MySQL is asked what it gives as a key, and which one it gave
    assert_eq!(created.statements, if site::is_mysql() { 6 } else { 4 });
    let shown = get(&site, "/partners/73?saved");
    assert!(shown.body.contains("Saved."));
    assert!(shown.body.contains("&lt;b&gt;Dora&lt;/b&gt;") && !shown.body.contains("<b>Dora"));
    assert!(shown.body.contains("Hello</textarea>"));

    let again = post(&site, "/partners", form);
    assert_eq!(again.errors(), ["Another partner has this address."]);
    assert_eq!(get(&site, "/partners?q=dora%40new").rows().len(), 1);
    let nowhere = post(&site, "/partners", "name=Nadia&country=9999");
    assert_eq!(nowhere.errors(), ["The country, company or a tag is not there any more."]);
}

#[test]
fn a_partner_is_changed_unless_somebody_else_was_faster() {
    let site = site();
    let form = "name=Azure+Maps&email=maps%40azure.example&is_company=on&country=21&tag=1&version=1";
    let changed = post(&site, "/partners/1", form);
    assert_eq!(
        (changed.status, changed.location.as_deref()),
        (StatusCode::SEE_OTHER, Some("/partners/1?saved"))
    );
    // The partner as it was, BEGIN, its tags as they were, the partner, tags that go and that come, COMMIT
    assert!(changed.statements <= 7, "{}", changed.statements);
    let env = site.env();
    let partner = env.record::<Partner>(1);
    assert_eq!((partner.name().unwrap().as_str(), partner.version().unwrap()), ("Azure Maps", 2));
    assert_eq!((partner.tag_ids().ids().unwrap(), partner.city().unwrap()), (vec![1], None));

    let late = post(&site, "/partners/1", "name=Azure+Atlantis&version=1");
    assert_eq!(late.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(late.errors()[0].contains("Somebody else has changed this partner"));
    assert_eq!(get(&site, "/partners?q=atlantis").rows().len(), 0);
    let taken = post(&site, "/partners/2", "name=Amber&email=maps%40azure.example&version=1");
    assert_eq!(taken.errors(), ["Another partner has this address."]);
    assert_eq!(post(&site, "/partners/999", form).status, StatusCode::NOT_FOUND);
}

#[test]
fn who_has_ordered_something_is_not_deleted() {
    let site = site();
    let env = site.env();
    let all = env.all::<Partner>().unwrap();
    let (with, without) = all.partition(|partner| Ok(partner.order_ids().len()? > 0)).unwrap();
    let (with, without) = (with.first().unwrap().id(), without.first().unwrap().id());
    let deleted = post(&site, &format!("/partners/{without}/delete"), "");
    assert_eq!((deleted.status, deleted.statements), (StatusCode::SEE_OTHER, 1));
    let refused = post(&site, &format!("/partners/{with}/delete"), "");
    assert_eq!(refused.status, StatusCode::CONFLICT);
    assert!(refused.body.contains("Who has ordered something cannot be deleted."));
    assert_eq!(partners::table.count_records::<Partner>(&env).unwrap(), 71);
}

#[test]
fn the_other_pages_are_there() {
    let site = site();
    assert_eq!(get(&site, "/").location.as_deref(), Some("/partners"));
    let countries = get(&site, "/countries");
    assert_eq!((countries.rows().len(), countries.statements), (12, 2));
    assert!(get(&site, "/style.css").body.contains(":root {"));
    assert_eq!(get(&site, "/nowhere").status, StatusCode::NOT_FOUND);
    let requests = get(&site, "/requests");
    assert_eq!((requests.status, requests.statements), (StatusCode::OK, 0));
    assert!(requests.body.contains("GET /countries") && requests.body.contains("GET /nowhere"));
    assert!(requests.body.contains("aggregate of Country.partner_ids"), "what was sent for it");
}

#[test]
fn a_file_is_imported_a_thousand_rows_at_a_time() {
    let site = site();
    let path = site.folder.path().join("partners.csv");
    import::sample(&path, 2_500).unwrap();
    let mut file = std::fs::read_to_string(&path).unwrap();
    file += "Nobody,,,,BE,\nElsewhere,a@b.example,,,ZZ,\nShort,a@b.example\n";
    std::fs::write(&path, file).unwrap();
    let env = site.env();
    for _ in 0..2 {
        let bar = ProgressBar::hidden();
        let imported = import::import(&env, &path, &bar).unwrap();
        assert_eq!((imported.rows, imported.refused.len()), (2_500, 3));
        assert_eq!(imported.refused[0].0, 2_502);
        assert!(bar.is_finished());
    }
    assert_eq!(partners::table.count_records::<Partner>(&env).unwrap(), 2_572);
    // Three chunks, twice: tags created and read, partners upserted, pairs written
    assert!(env.stats().queries < 60, "{}", env.stats().queries);
    let last = env.one::<Partner>(partners::name.eq("Imported 02499")).unwrap();
    assert_eq!(last.country_id().code().unwrap().as_deref(), Some("BE"));
    assert!(last.tag_ids().name().unwrap().contains(&"imported".into()));
}

#[test]
fn the_job_of_the_night_is_done_once() {
    let site = Site::new(60, 400);
    let env = site.env();
    let report = nightly::run(&env, today(), &ProgressBar::hidden()).unwrap();
    assert!(report.orders > 1_000 && report.overdue > 100);
    // Of each batch its orders, their partners and what is written, the countries, and how many there are
    let batches = report.orders / 1_000 + 1;
    assert!(env.stats().queries <= 4 * batches + 2, "{} for {batches} batches", env.stats().queries);
    let again = nightly::run(&env, today(), &ProgressBar::hidden()).unwrap();
    assert_eq!((again.overdue, again.unpaid == report.unpaid), (0, true));
    let overdue = orders::table.filter(orders::state.eq(State::Overdue));
    assert_eq!(overdue.count_records::<Order>(&env).unwrap(), report.overdue);
}
