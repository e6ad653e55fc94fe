//! P8: a deferred column comes only when it is itself read, then for the whole set; columns of a group come together.

use orm_core::Result;
use orm_core::prelude::*;
use orm_tests::TestDb;

diesel::table! {
    pages {
        id -> Integer,
        title -> Text,
        body -> Text,
        html -> Text,
        summary_html -> Nullable<Text>,
        picture -> Binary,
        site_id -> Nullable<Integer>,
    }
}
diesel::table! { sites { id -> Integer, name -> Text } }

#[derive(Model)]
#[model(table = sites)]
struct Site {
    id: i32,
    name: String,
}

#[derive(Model)]
#[model(table = pages)]
struct Page {
    id: i32,
    title: String,
    #[model(deferred)]
    body: String,
    #[model(group = "html")]
    html: String,
    #[model(group = "html")]
    summary_html: Option<String>,
    #[model(deferred)]
    picture: Vec<u8>,
    #[model(deferred)]
    site_id: Option<Id<Site>>,
}

fn pages(count: usize) -> TestDb {
    TestDb::new(&format!(
        "CREATE TABLE sites (id INTEGER PRIMARY KEY NOT NULL, name TEXT NOT NULL);
         CREATE TABLE pages (id INTEGER PRIMARY KEY NOT NULL, title TEXT NOT NULL, body TEXT NOT NULL, html TEXT NOT NULL,
             summary_html TEXT, picture BLOB NOT NULL, site_id INTEGER);
         INSERT INTO sites VALUES (1, 'one'), (2, 'two');
         WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {count})
         INSERT INTO pages SELECT n, 'title ' || n, 'body ' || n, '<p>' || n, CASE WHEN n % 2 <> 0 THEN '<b>' || n END, x'00ff', 1 + n % 2 FROM s"
    ))
}

#[test]
fn a_search_and_a_batch_leave_them_out() -> Result<()> {
    let db = pages(10);
    let (_, statements) = db.watch(|| db.all::<Page>());
    assert_eq!(statements[0].columns(), ["id", "title"]);
    db.cache().clear();
    let (_, statements) = db.watch(|| db.browse::<Page>(1..=10).title());
    assert_eq!(statements[0].columns(), ["id", "title"]);
    let (_, statements) = db.watch(|| db.browse::<Page>(1..=20).prefetch());
    assert!(statements.iter().all(|statement| statement.columns() == ["id", "title"]), "{statements:?}");
    Ok(())
}

#[test]
fn one_that_is_read_comes_alone_for_the_whole_set() -> Result<()> {
    let db = pages(2_500);
    let set = db.all::<Page>()?;
    let (_, statements) = db.watch(|| set.iter().try_for_each(|page| page.body().map(drop)));
    assert_eq!(
        statements.iter().map(|statement| statement.keys().len()).collect::<Vec<_>>(),
        [1000, 1000, 500]
    );
    assert!(statements.iter().all(|statement| statement.columns() == ["id", "body"]), "{statements:?}");
    Ok(())
}

#[test]
fn the_columns_of_a_group_come_together() -> Result<()> {
    let db = pages(10);
    let set = db.all::<Page>()?;
    let (_, statements) = db.watch(|| set.first().map(|page| page.html()));
    assert_eq!(statements[0].columns(), ["id", "html", "summary_html"]);
    let summaries = db.assert_queries(0, || set.summary_html())?;
    assert_eq!(summaries[..2], [Some("<b>1".into()), None::<Str>]);
    Ok(())
}

#[test]
fn a_deferred_link_is_read_when_it_is_followed() -> Result<()> {
    let db = pages(10);
    let set = db.all::<Page>()?;
    let (names, statements) = db.watch(|| set.map(|page| page.site_id().name()));
    assert_eq!(names?[..2], [Some("two".into()), Some::<Str>("one".into())]);
    assert_eq!(statements.len(), 2, "{statements:?}");
    assert_eq!(statements[0].columns(), ["id", "site_id"]);
    assert_eq!(statements[1].keys().len(), 2);
    Ok(())
}

#[test]
fn prefetch_field_brings_one_for_all() -> Result<()> {
    let db = pages(1_500);
    let set = db.all::<Page>()?;
    db.assert_keys(&[1000, 500], || set.prefetch_field(Page::PICTURE))?;
    db.assert_queries(0, || {
        assert!(set.picture()?.iter().all(|picture| picture[..] == [0, 255]));
        set.prefetch_field(Page::PICTURE)
    })
}

#[test]
fn it_comes_with_what_else_is_missing_when_all_is_asked_for() -> Result<()> {
    let db = pages(10);
    let page = db.record::<Page>(3);
    let model = page.to_model()?;
    assert_eq!((model.id, &*model.title, &*model.body), (3, "title 3", "body 3"));
    assert_eq!((&*model.html, model.summary_html.as_deref()), ("<p>3", Some("<b>3")));
    assert_eq!((&model.picture[..], model.site_id), (&[0_u8, 255][..], Some(Id::new(2))));
    Ok(())
}
