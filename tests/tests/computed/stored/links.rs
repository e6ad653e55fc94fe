//! A link that is computed and stored: it is followed, listed on the other side, counted, summed up and searched as any link in a row, and
//! what is stored may follow from it. Keys of text and of several columns, links to oneself, both sides of one row.

use std::cell::Cell;

use diesel::prelude::*;
use orm_core::prelude::*;
use orm_core::{Environment, Error, Result};
use orm_tests::database::ENFORCING;
use orm_tests::{File, TestDb, test_db};

diesel::table! { agents (code) { code -> Text, name -> Text, worth -> BigInt, best_id -> Nullable<Integer> } }
diesel::table! { teams (company, number) {
    company -> Integer, number -> Integer, lead_code -> Nullable<Text>, largest_id -> Nullable<Integer>, top_code -> Nullable<Text>,
} }
diesel::table! { deals {
    id -> Integer, name -> Text, size -> BigInt, company -> Nullable<Integer>, number -> Nullable<Integer>, agent_code -> Nullable<Text>,
    own_company -> Nullable<Integer>, own_number -> Nullable<Integer>,
} }

#[derive(Model)]
struct Agent {
    #[model(primary_key)]
    code: String,
    name: String,
    #[model(inverse = Deal::AGENT_ID)]
    deal_ids: OneToMany<Deal>,
    #[model(inverse = Deal::AGENT_ID, order = deals::size.desc(), limit = 1)]
    largest_ids: OneToMany<Deal>,
    #[model(inverse = Team::LEAD_ID)]
    team_ids: OneToMany<Team>,
    /// Over the list of what is computed
    #[model(compute = load, stored, depends(deal_ids.size), column = worth)]
    burden: Computed<i64>,
    #[model(compute = best, stored, depends(deal_ids.size))]
    best_id: Computed<Option<Id<Deal>>>,
}

#[derive(Model)]
#[model(primary_key(company, number))]
struct Team {
    company: i32,
    number: i32,
    #[model(column = lead_code)]
    lead_id: Option<Id<Agent>>,
    #[model(inverse = Deal::TEAM_ID)]
    deal_ids: OneToMany<Deal>,
    /// The largest deal of the team
    #[model(compute = largest, stored, depends(deal_ids.size))]
    largest_id: Computed<Option<Id<Deal>>>,
    /// Through a stored link to a stored link
    #[model(related = largest_id.agent_id, stored, column = top_code)]
    top_id: Computed<Option<Id<Agent>>>,
}

#[derive(Model)]
struct Deal {
    id: i32,
    name: String,
    size: i64,
    #[model(columns(company, number))]
    team_id: Option<Id<Team>>,
    /// Who leads the team
    #[model(related = team_id.lead_id, stored, column = agent_code)]
    agent_id: Computed<Option<Id<Agent>>>,
    /// The team again, if the deal is its largest: a link of two columns
    #[model(compute = own_team, stored, depends(team_id.largest_id), columns(own_company, own_number))]
    own_team_id: Computed<Option<Id<Team>>>,
    /// Computed when it is read, of what is stored
    #[model(compute = agent_name)]
    agent_name: Computed<Option<String>>,
}

/// The same rows, whose link is a key
#[derive(Model)]
#[model(table = deals)]
struct Slim {
    id: i32,
    size: i64,
    agent_code: Option<String>,
}

thread_local! {
    static FAILS: Cell<bool> = const { Cell::new(false) };
}

fn load(agent: &Record<Agent>) -> Result<i64> {
    Ok(agent.deal_ids().size()?.into_iter().sum())
}

fn best(agent: &Record<Agent>) -> Result<Option<Id<Deal>>> {
    largest_of(&agent.deal_ids().load()?)
}

fn largest_of(deals: &RecordSet<Deal>) -> Result<Option<Id<Deal>>> {
    let largest = deals.max_by_key(|deal| Ok((deal.size()?, -deal.id())))?;
    Ok(largest.map(|deal| Id::new(deal.id())))
}

fn largest(team: &Record<Team>) -> Result<Option<Id<Deal>>> {
    if FAILS.get() {
        return Err(Error::other("none today"));
    }
    largest_of(&team.deal_ids().load()?)
}

fn own_team(deal: &Record<Deal>) -> Result<Option<Id<Team>>> {
    let is_largest = deal.team_id().largest_id().id()? == Some(deal.id());
    Ok(if is_largest { deal.team_id().id()?.map(Id::new) } else { None })
}

fn agent_name(deal: &Record<Deal>) -> Result<Option<String>> {
    Ok(deal.agent_id().name()?.map(|name| name.to_string()))
}

fn file() -> File {
    File::new(
        "CREATE TABLE agents (code VARCHAR(10) PRIMARY KEY, name TEXT NOT NULL, worth BIGINT NOT NULL DEFAULT 0, best_id INTEGER);
         CREATE TABLE teams (company INTEGER NOT NULL, number INTEGER NOT NULL, lead_code VARCHAR(10) REFERENCES agents (code) ON DELETE SET NULL,
            largest_id INTEGER, top_code VARCHAR(10), PRIMARY KEY (company, number));
         CREATE TABLE deals (id INTEGER PRIMARY KEY, name TEXT NOT NULL, size BIGINT NOT NULL, company INTEGER, number INTEGER,
            agent_code VARCHAR(10) REFERENCES agents (code) ON DELETE SET NULL, own_company INTEGER, own_number INTEGER);
         INSERT INTO agents VALUES ('a', 'Ada', 30, 2), ('b', 'Ben', 40, 4), ('c', 'Cem', 0, NULL);
         INSERT INTO teams VALUES (1, 1, 'a', 2, 'a'), (1, 2, 'b', 4, 'b'), (2, 1, NULL, NULL, NULL);
         INSERT INTO deals VALUES (1, 'one', 10, 1, 1, 'a', NULL, NULL), (2, 'two', 20, 1, 1, 'a', 1, 1), (4, 'four', 40, 1, 2, 'b', 1, 2),
            (5, 'five', 50, NULL, NULL, NULL, NULL, NULL);",
    )
}

fn db() -> TestDb {
    let db = test_db!(file());
    db.execute(diesel::sql_query(ENFORCING)).expect("foreign keys");
    db.register::<Deal>();
    db.register::<Team>();
    db.register::<Agent>();
    db
}

/// The rows hold what SQL works out from the others.
#[track_caller]
fn assert_kept_up(file: &File) {
    let off = |told: &str, sql: &str| assert_eq!(file.values(sql), [""; 0], "{told}");
    let lead = "(SELECT lead_code FROM teams t WHERE t.company = d.company AND t.number = d.number)";
    off(
        "deals whose agent does not lead their team",
        &format!(
            "SELECT name AS value FROM deals d WHERE COALESCE(agent_code, '-') <> COALESCE({lead}, '-')"
        ),
    );
    off(
        "agents whose load is not that of their deals",
        "SELECT code AS value FROM agents a WHERE worth <> (SELECT COALESCE(SUM(size), 0) FROM deals WHERE agent_code = a.code)",
    );
    off(
        "agents whose best deal is another one",
        "SELECT code AS value FROM agents a WHERE COALESCE(best_id, 0) <>
            COALESCE((SELECT id FROM deals WHERE agent_code = a.code ORDER BY size DESC, id LIMIT 1), 0)",
    );
    let largest = "(SELECT id FROM deals d WHERE d.company = t.company AND d.number = t.number ORDER BY size DESC, id LIMIT 1)";
    off(
        "teams whose largest deal is another one",
        &format!(
            "SELECT CAST(number AS CHAR(20)) AS value FROM teams t WHERE COALESCE(largest_id, 0) <> COALESCE({largest}, 0)"
        ),
    );
    off(
        "teams whose top agent is not that of the largest deal",
        "SELECT CAST(number AS CHAR(20)) AS value FROM teams t WHERE COALESCE(top_code, '-') <>
            COALESCE((SELECT agent_code FROM deals WHERE id = t.largest_id), '-')",
    );
    off(
        "deals that are the largest of their team, or not",
        "SELECT name AS value FROM deals d WHERE COALESCE(own_company * 100 + own_number, 0) <>
            COALESCE((SELECT company * 100 + number FROM teams t WHERE t.company = d.company AND t.number = d.number AND largest_id = d.id), 0)",
    );
}

fn ids(mut ids: Vec<i32>) -> Vec<i32> {
    ids.sort_unstable();
    ids
}

#[test]
fn it_is_read_and_followed_as_a_column() -> Result<()> {
    let db = db();
    assert_kept_up(&db.file);
    let all = db.all::<Deal>()?;
    // The agents come by one SELECT for all; nothing is computed that the database has.
    db.assert_queries(1, || {
        let mut names = Vec::new();
        for deal in &all {
            names.push(deal.agent_id().name()?.map(|name| name.to_string()));
        }
        let of = |name: &str| Some(name.to_owned());
        assert_eq!(names, [of("Ada"), of("Ada"), of("Ben"), None]);
        Ok::<_, Error>(())
    })?;
    db.assert_queries(0, || {
        assert_eq!(all.agent_id().ids()?, ["a", "b"]);
        assert_eq!(db.record::<Deal>(2).agent_id().id()?.as_deref(), Some("a"));
        let sorted = all.sort_by_key(|deal| deal.agent_id().id())?;
        assert_eq!(sorted.ids(), [5, 1, 2, 4]);
        assert_eq!(all.group_by(|deal| deal.agent_id().id())?.len(), 3);
        assert_eq!(db.record::<Deal>(4).get(Deal::AGENT_ID).name()?.as_deref(), Some("Ben"));
        assert_eq!(db.cache().get(Deal::AGENT_ID, 2).flatten().as_deref(), Some("a"));
        assert!(db.cache().entry(Deal::AGENT_ID, 2).is_some());
        assert_eq!(all.extract(Deal::AGENT_ID)?.values.len(), 4);
        Ok::<_, Error>(())
    })?;
    // A link of two columns
    assert_eq!(db.record::<Deal>(2).own_team_id().id()?, Some((1, 1)));
    assert_eq!(db.record::<Deal>(2).own_team_id().lead_id().name()?.as_deref(), Some("Ada"));
    db.cache().invalidate(Deal::AGENT_ID, [2]);
    assert_eq!(db.cache().get(Deal::AGENT_ID, 2), None);
    all.prefetch_field(Deal::AGENT_ID)?;
    assert_eq!(db.cache().get(Deal::AGENT_ID, 2).flatten().as_deref(), Some("a"));
    let copy: Deal = db.record::<Deal>(1).to_model()?;
    assert_eq!((copy.id, copy.agent_id), (1, Computed::new()));
    // A search by the column, with what it selects
    let found: RecordSet<Deal> =
        db.assert_queries(1, || deals::table.filter(deals::agent_code.eq("a")).records(&*db))?;
    assert_eq!(ids(found.ids()), [1, 2]);
    Ok(())
}

#[test]
fn it_leads_elsewhere_when_what_it_follows_from_does() -> Result<()> {
    let db = db();
    let (ada, ben, cem) = (db.record::<Agent>("a"), db.record::<Agent>("b"), db.record::<Agent>("c"));
    // Lists of both sides are cached, and put right.
    assert_eq!(
        (ids(ada.deal_ids().ids()?), ada.deal_ids().len()?, cem.deal_ids().len()?),
        (vec![1, 2], 2, 0)
    );
    db.record::<Team>((1, 1)).set_lead_id("c")?;
    assert_kept_up(&db.file);
    assert_eq!((ada.deal_ids().len()?, ids(cem.deal_ids().ids()?)), (0, vec![1, 2]));
    assert_eq!((ada.burden()?, cem.burden()?, cem.best_id().name()?.as_deref()), (0, 30, Some("two")));
    // Within a transaction, before anything is sent
    db.transaction(|| {
        let deal = db.record::<Deal>(4);
        assert_eq!(deal.agent_name()?.as_deref(), Some("Ben"));
        deal.set_team_id((1, 1))?;
        assert_eq!(deal.agent_id().name()?.as_deref(), Some("Cem"));
        assert_eq!(deal.agent_name()?.as_deref(), Some("Cem"), "what is computed of it when it is read");
        assert_eq!(db.record::<Slim>(4).agent_code()?.as_deref(), Some("c"), "and as a key");
        assert_eq!((ben.deal_ids().len()?, ids(cem.deal_ids().ids()?)), (0, vec![1, 2, 4]));
        assert_eq!((cem.deal_ids().sum(Deal::SIZE)?, cem.burden()?, ben.burden()?), (70, 70, 0));
        assert_eq!(cem.best_id().id()?, Some(4));
        assert_eq!(deal.own_team_id().id()?, Some((1, 1)));
        assert_eq!(db.record::<Deal>(2).own_team_id().id()?, None);
        assert_eq!(db.record::<Team>((1, 1)).top_id().name()?.as_deref(), Some("Cem"));
        // A search sends it.
        let found: RecordSet<Deal> = deals::table.filter(deals::agent_code.eq("c")).records(&*db)?;
        assert_eq!(ids(found.ids()), [1, 2, 4]);
        Ok::<_, Error>(())
    })?;
    assert_kept_up(&db.file);
    // A set, one UPDATE of the deals
    let (written, sent) = db.watch(|| db.browse::<Deal>([1, 2, 4, 5]).set_team_id((2, 1)));
    written?;
    assert_kept_up(&db.file);
    let updates = sent.iter().filter(|sent| sent.sql.replace(['"', '`'], "").starts_with("UPDATE deals"));
    // One with what was written; one where a function has asked for what only the database knew.
    assert!(updates.count() <= 2, "{sent:#?}");
    db.record::<Team>((2, 1)).set_lead_id("b")?;
    assert_kept_up(&db.file);
    Ok(())
}

#[test]
fn it_is_found_without_anything_cached() -> Result<()> {
    let db = db();
    for (deal, size) in [(1, 25), (4, 1), (2, 24)] {
        db.cache().clear();
        db.record::<Deal>(deal).set_size(size)?;
        assert_kept_up(&db.file);
    }
    db.cache().clear();
    db.record::<Slim>(2).set_size(90)?;
    assert_kept_up(&db.file);
    let created = db.create(Deal::values().name("new").size(100).team_id((1, 2)))?;
    assert_eq!(created.agent_id().name()?.as_deref(), Some("Ben"));
    assert_kept_up(&db.file);
    created.delete()?;
    assert_kept_up(&db.file);
    db.record::<Team>((1, 2)).deal_ids().create(Deal::values().name("newer").size(3))?;
    assert_kept_up(&db.file);
    let created = db.create(Team::values().company(3).number(3).lead_id("c"))?;
    db.browse::<Deal>([2, 4]).set_team_id(&created)?;
    assert_kept_up(&db.file);
    Ok(())
}

#[test]
fn what_is_undone_leaves_lists_as_they_were() -> Result<()> {
    let db = db();
    let (ada, cem) = (db.record::<Agent>("a"), db.record::<Agent>("c"));
    assert_eq!((ada.deal_ids().len()?, cem.deal_ids().len()?), (2, 0));
    let failed: Result<()> = db.transaction(|| {
        db.record::<Team>((1, 1)).set_lead_id("c")?;
        assert_eq!((ada.deal_ids().len()?, cem.deal_ids().len()?), (0, 2));
        let failed: Result<()> = db.transaction(|| {
            db.record::<Team>((1, 1)).set_lead_id("b")?;
            assert_eq!((cem.deal_ids().len()?, db.record::<Agent>("b").burden()?), (0, 70));
            Err(Error::other("inner"))
        });
        assert!(failed.is_err());
        assert_eq!((ada.burden()?, ids(cem.deal_ids().ids()?)), (0, vec![1, 2]));
        Err(Error::other("outer"))
    });
    assert!(failed.is_err());
    assert_eq!((ids(ada.deal_ids().ids()?), cem.deal_ids().len()?, ada.burden()?), (vec![1, 2], 0, 30));
    assert_eq!(db.record::<Deal>(1).agent_id().id()?.as_deref(), Some("a"));
    assert_kept_up(&db.file);
    Ok(())
}

#[test]
fn what_cannot_be_computed_is_told_by_who_reads_what_follows() -> Result<()> {
    let db = db();
    let team = db.record::<Team>((1, 1));
    assert_eq!((team.largest_id().id()?, db.record::<Deal>(2).own_team_id().id()?), (Some(2), Some((1, 1))));
    db.transaction(|| {
        db.record::<Deal>(1).set_size(60)?;
        FAILS.set(true);
        assert!(
            team.largest_id().id().is_err()
                && team.largest_id().name().is_err()
                && team.top_id().name().is_err()
        );
        assert!(db.flush().is_err());
        assert!(team.largest_id().id().is_err(), "it is not taken for what it was");
        FAILS.set(false);
        assert_eq!(team.largest_id().name()?.as_deref(), Some("one"));
        Ok::<_, Error>(())
    })?;
    assert_kept_up(&db.file);
    FAILS.set(true);
    let failed = db.record::<Deal>(2).set_size(70);
    FAILS.set(false);
    assert!(failed.is_err());
    assert_eq!((db.record::<Deal>(2).size()?, team.largest_id().id()?), (20, Some(1)));
    assert_kept_up(&db.file);
    Ok(())
}

#[test]
fn nobody_sets_it_from_either_side() -> Result<()> {
    let db = db();
    let (ada, deal) = (db.record::<Agent>("a"), db.record::<Deal>(5));
    let is_refused =
        |result: Result<()>| matches!(result, Err(Error::StoredField { model: "Deal", field: "agent_id" }));
    assert!(is_refused(ada.deal_ids().add(&deal)));
    assert!(is_refused(ada.deal_ids().add_ids([5])));
    assert!(is_refused(ada.deal_ids().remove_ids([1])));
    assert!(is_refused(ada.deal_ids().set_ids([1])));
    assert!(is_refused(ada.deal_ids().create(Deal::values().name("x").size(1)).map(drop)));
    assert!(is_refused(deal.update(deals::agent_code.eq("a"))));
    assert!(is_refused(db.record::<Slim>(5).set_agent_code(&Some("a".to_owned()))));
    assert_kept_up(&db.file);
    Ok(())
}

#[test]
fn what_the_database_sets_to_null_is_followed() -> Result<()> {
    let db = db();
    let ben = db.record::<Agent>("b");
    assert_eq!((ben.burden()?, db.record::<Deal>(4).agent_id().id()?.as_deref()), (40, Some("b")));
    ben.delete()?;
    // The team is led by nobody, as the foreign key has it; nobody has written the team here.
    assert_eq!(db.record::<Team>((1, 2)).lead_id().id()?, None);
    assert_eq!(db.record::<Deal>(4).agent_id().id()?, None);
    assert_kept_up(&db.file);
    // Nothing is cached, and the deal is not the largest any more.
    db.cache().clear();
    db.record::<Agent>("a").delete()?;
    assert_kept_up(&db.file);
    db.cache().clear();
    db.record::<Deal>(2).delete()?;
    assert_kept_up(&db.file);
    Ok(())
}

#[test]
fn it_is_filled_in_batches() -> Result<()> {
    let db = db();
    db.file.run("UPDATE deals SET agent_code = NULL; UPDATE teams SET largest_id = NULL, top_code = NULL");
    db.file.run(
        "UPDATE deals SET own_company = NULL, own_number = NULL; UPDATE agents SET worth = 0, best_id = NULL",
    );
    assert_eq!(db.recompute(Deal::AGENT_ID).run(|_| {})?, 3);
    assert_eq!(db.recompute(Team::LARGEST_ID).run(|_| {})?, 2);
    // What follows from links that have changed was computed with them.
    assert_kept_up(&db.file);
    assert_eq!(db.recompute(Deal::AGENT_ID).run(|_| {})?, 0);
    Ok(())
}

#[test]
fn another_environment_reads_what_was_stored() -> Result<()> {
    let db = db();
    db.record::<Team>((1, 1)).set_lead_id("c")?;
    let env = Environment::builder().connection(db.file.connect()).build();
    assert_eq!(ids(env.record::<Agent>("c").deal_ids().ids()?), [1, 2]);
    assert_eq!(env.record::<Agent>("c").largest_ids().ids()?, [2]);
    assert_eq!(env.record::<Agent>("c").team_ids().ids()?, [(1, 1)]);
    Ok(())
}
