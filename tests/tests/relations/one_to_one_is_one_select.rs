//! The other side of a unique to-one link: read as a nullable link is, one SELECT for the group, absent ones remembered, set from
//! either side, and at most one.

use orm_core::prelude::*;
use orm_core::{Error, Result};
use orm_tests::database::{CASELESS, File, TestDb};
use orm_tests::test_db;

diesel::table! { partners { id -> Integer, name -> Text } }
diesel::table! { profiles { id -> Integer, bio -> Text, partner_id -> Nullable<Integer>, country_id -> Nullable<Integer> } }
diesel::table! { passports { id -> Integer, number -> Text, partner_id -> Integer } }
diesel::table! { secrets (partner_id) { partner_id -> Integer, word -> Text } }

#[derive(Model)]
struct Partner {
    id: i32,
    name: String,
    #[model(inverse = Profile::PARTNER_ID)]
    profile: OneToOne<Profile>,
    #[model(inverse = Passport::PARTNER_ID)]
    passport: OneToOne<Passport>,
    #[model(inverse = Secret::PARTNER)]
    secret: OneToOne<Secret>,
    #[model(compute = shown)]
    shown: Computed<String>,
}

fn shown(partner: &Record<Partner>) -> Result<String> {
    Ok(format!("{}: {}", partner.name()?, partner.profile().bio()?.unwrap_or_default()))
}

/// Another model of the same table, to which the link is like any other
#[derive(Model)]
#[model(table = partners)]
struct Person {
    id: i32,
    #[model(inverse = Account::PERSON_ID)]
    account_ids: OneToMany<Account>,
}

#[derive(Model)]
#[model(table = profiles)]
struct Account {
    id: i32,
    #[model(column = partner_id)]
    person_id: Option<Id<Person>>,
}

#[derive(Model)]
struct Profile {
    id: i32,
    bio: String,
    partner_id: Option<Id<Partner>>,
    country_id: Option<Id<Partner>>,
}

#[derive(Model)]
struct Passport {
    id: i32,
    number: String,
    partner_id: Id<Partner>,
}

/// Its key is its link.
#[derive(Model)]
struct Secret {
    #[model(primary_key)]
    partner_id: i32,
    #[model(column = partner_id)]
    partner: Id<Partner>,
    word: String,
}

fn file(partners: i32, unique: &str) -> File {
    let mut sql = format!(
        "CREATE TABLE partners (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
        CREATE TABLE profiles (id INTEGER PRIMARY KEY, bio TEXT NOT NULL DEFAULT '', partner_id INTEGER {unique} REFERENCES partners ON DELETE SET NULL, country_id INTEGER);
        CREATE TABLE passports (id INTEGER PRIMARY KEY, number TEXT NOT NULL, partner_id INTEGER NOT NULL UNIQUE REFERENCES partners ON DELETE CASCADE);
        CREATE TABLE secrets (partner_id INTEGER PRIMARY KEY REFERENCES partners ON DELETE CASCADE, word TEXT NOT NULL);
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {partners}) INSERT INTO partners SELECT i, 'p' || i FROM n;"
    );
    // Every third one has no profile.
    for (table, name) in [
        ("profiles (id, bio, partner_id, country_id)", "id + 10000, 'b' || id, id, id"),
        ("passports", "id + 20000, 'n' || id, id"),
        ("secrets", "id, 'w' || id"),
    ] {
        sql += &format!("INSERT INTO {table} SELECT {name} FROM partners WHERE id % 3 <> 0;");
    }
    File::new(&sql)
}

fn schema(partners: i32) -> TestDb {
    test_db!(file(partners, "UNIQUE"), strict())
}

#[test]
fn a_loop_is_one_select_for_a_thousand_and_absent_ones_are_remembered() -> Result<()> {
    let db = schema(2_500);
    let partners = db.all::<Partner>()?;
    let read = |partner: &Record<Partner>| -> Result<_> {
        Ok((partner.profile().bio()?, partner.passport().number()?, partner.secret().word()?))
    };
    db.assert_queries(9, || {
        partners.iter().try_for_each(|partner| -> Result<()> {
            let id = partner.id();
            let there = |letter: char| (id % 3 != 0).then(|| Str::from(format!("{letter}{id}")));
            assert_eq!(read(&partner)?, (there('b'), there('n'), there('w')));
            Ok(())
        })
    })?;
    // Who has none is known, and so is whose they are.
    db.assert_queries(0, || {
        partners.iter().try_for_each(|partner| -> Result<()> {
            read(&partner)?;
            assert_eq!(partner.profile().is_none()?, partner.id() % 3 == 0);
            assert_eq!(partner.profile().partner_id().id()?, (partner.id() % 3 != 0).then(|| partner.id()));
            Ok(())
        })
    })?;
    let stats = db.stats();
    let of_partner = stats.model("Partner").expect("it was used");
    let profile = of_partner.fields.iter().find(|field| field.name == "profile").expect("a field");
    assert_eq!((profile.misses, profile.values), (3, 2_500));
    Ok(())
}

#[test]
fn it_is_followed_further_from_all_handles() -> Result<()> {
    let db = schema(30);
    let partners = db.all::<Partner>()?;
    // profile → country (a partner, which need not be read) → its passport
    db.assert_queries(2, || {
        partners.iter().try_for_each(|partner| -> Result<()> {
            let number = partner.profile().country_id().passport().number()?;
            assert_eq!(number, (partner.id() % 3 != 0).then(|| format!("n{}", partner.id()).into()));
            Ok(())
        })
    })?;
    db.cache().clear();
    let bios = db.assert_queries(1, || partners.profile().bio())?;
    assert_eq!(bios.len(), 20);
    assert_eq!(partners.profile().country_id().passport().number()?.len(), 20);
    let link = db.record::<Passport>(20_001).partner_id();
    assert_eq!(link.profile().bio()?.as_deref(), Some("b1"));
    assert_eq!(db.record::<Profile>(10_002).partner_id().secret().word()?.as_deref(), Some("w2"));
    assert_eq!(partners.get(Partner::PROFILE).ids()?.len(), 20);
    let first = partners.first().expect("there are some");
    assert_eq!(first.get(Partner::PROFILE).id()?, Some(10_001));
    assert!(first.profile().is(&db.record(10_001))?);
    assert_eq!(first.to_model()?.profile, OneToOne::new());
    Ok(())
}

#[test]
fn sets_are_filtered_sorted_grouped_and_prefetched_by_it() -> Result<()> {
    let db = schema(9);
    let partners = db.all::<Partner>()?;
    db.assert_queries(1, || partners.prefetch_field(Partner::PROFILE))?;
    db.assert_queries(0, || -> Result<()> {
        let with = partners.filter(|partner| partner.profile().is_some())?;
        assert_eq!(with.ids(), [1, 2, 4, 5, 7, 8]);
        let sorted = with.sort_by_key(|partner| Ok(std::cmp::Reverse(partner.profile().bio()?)))?;
        assert_eq!(sorted.ids(), [8, 7, 5, 4, 2, 1]);
        let groups = partners.group_by(|partner| partner.profile().is_some())?;
        assert_eq!(groups[&false].ids(), [3, 6, 9]);
        Ok(())
    })?;
    let cache = db.cache();
    assert_eq!(cache.get(Partner::PROFILE, 1), Some(Some(10_001)));
    assert_eq!(cache.get(Partner::PROFILE, 3), Some(None));
    cache.invalidate(Partner::PROFILE, 1..=9);
    assert_eq!(cache.get(Partner::PROFILE, 3), None);
    db.assert_queries(1, || partners.profile().load().map(drop))?;
    db.cache().clear();
    cache.set(Partner::PROFILE, 3, Some(10_004));
    assert_eq!(db.record::<Partner>(3).profile().bio()?.as_deref(), Some("b4"));
    let fields = (Partner::NAME, Partner::PROFILE);
    let found = db.assert_queries(2, || partners::table.records_with_fields::<Partner>(&db.env, fields))?;
    db.assert_queries(0, || -> Result<()> {
        assert_eq!(found.get(1).expect("a second").profile().bio()?.as_deref(), Some("b2"));
        Ok(())
    })
}

#[test]
fn a_shared_key_is_known_from_the_row_that_has_it() -> Result<()> {
    let db = schema(30);
    let secrets = db.all::<Secret>()?;
    db.assert_queries(0, || {
        secrets.iter().try_for_each(|secret| -> Result<()> {
            assert_eq!(secret.partner().secret().id()?, Some(secret.id()));
            Ok(())
        })
    })?;
    // Only the others are asked for.
    let partners = db.all::<Partner>()?;
    db.assert_keys(&[10], || {
        partners.iter().try_for_each(|partner| -> Result<()> {
            assert_eq!(partner.secret().is_some()?, partner.id() % 3 != 0);
            Ok(())
        })
    })
}

#[test]
fn two_that_claim_one_owner_are_an_error() -> Result<()> {
    let file = file(9, "");
    file.run("UPDATE profiles SET partner_id = 1 WHERE id = 10004");
    let db = test_db!(file, strict());
    let partners = db.all::<Partner>()?;
    let expected = "Partner.profile of 1 is 2 records of Profile";
    for _ in 0..2 {
        let error = partners.get(0).expect("a first").profile().bio().expect_err("two");
        assert!(
            matches!(&error, Error::NotUnique { model: "Partner", field: "profile", id, other: "Profile", count: 2 } if *id == "1"),
            "{error:?}"
        );
        assert!(error.to_string().contains(expected), "{error}");
    }
    for error in [
        partners.profile().bio().expect_err("two"),
        partners.profile().ids().expect_err("two"),
        partners.get(0).expect("a first").shown().expect_err("two"),
        partners.get(0).expect("a first").profile().country_id().name().expect_err("two"),
    ] {
        assert!(error.to_string().contains(expected), "{error}");
    }
    assert_eq!(db.cache().get(Partner::PROFILE, 1), None);
    // The others are read as ever, and who is set is the only one.
    assert_eq!(partners.get(1).expect("a second").profile().bio()?.as_deref(), Some("b2"));
    partners.get(0).expect("a first").set_profile(10_004)?;
    assert_eq!(db.record::<Partner>(1).profile().bio()?.as_deref(), Some("b4"));
    assert_eq!(db.file.values("SELECT id AS value FROM profiles WHERE partner_id = 1"), ["10004"]);
    Ok(())
}

fn profiles(db: &TestDb) -> Vec<String> {
    db.file.values(
        "SELECT id || ' ' || coalesce(CAST(partner_id AS TEXT), '-') AS value FROM profiles ORDER BY id",
    )
}

#[test]
fn it_is_set_and_given_up() -> Result<()> {
    let db = schema(5);
    let partners = db.all::<Partner>()?;
    let partner = |id: i32| db.record::<Partner>(id);
    partners.iter().try_for_each(|partner| partner.shown().map(drop))?;
    // To one that has none; the one that had it has none now.
    partner(3).set_profile(db.record::<Profile>(10_001))?;
    db.assert_queries(0, || -> Result<()> {
        assert_eq!(partner(3).profile().bio()?.as_deref(), Some("b1"));
        assert!(partner(1).profile().is_none()?);
        assert_eq!((partner(3).shown()?, partner(1).shown()?), ("p3: b1".into(), "p1: ".into()));
        assert_eq!(partner(3).profile().partner_id().id()?, Some(3));
        Ok(())
    })?;
    // To one that has one, which is nobody's then
    db.transaction(|| partner(3).set_profile(10_002))?;
    assert_eq!(profiles(&db), ["10001 -", "10002 3", "10004 4", "10005 5"]);
    assert_eq!(db.record::<Profile>(10_001).partner_id().id()?, None);
    partner(3).set_profile(None)?;
    partner(5).set_profile(partner(4).profile())?;
    assert_eq!(profiles(&db), ["10001 -", "10002 -", "10004 5", "10005 -"]);
    db.assert_queries(0, || -> Result<()> {
        let ids = (1..=5).map(|id| partner(id).profile().id()).collect::<Result<Vec<_>>>()?;
        assert_eq!(ids, [None, None, None, None, Some(10_004)]);
        Ok(())
    })?;
    // From the other side
    db.record::<Profile>(10_004).set_partner_id(2)?;
    db.assert_queries(0, || -> Result<()> {
        assert_eq!((partner(2).profile().id()?, partner(5).profile().id()?), (Some(10_004), None));
        Ok(())
    })?;
    partner(2).set_profile(db.record::<Profile>(10_004))?;
    assert_eq!(profiles(&db), ["10001 -", "10002 -", "10004 2", "10005 -"]);
    Ok(())
}

#[test]
fn a_loop_that_gives_up_is_one_select_and_one_update() -> Result<()> {
    let db = schema(300);
    let partners = db.all::<Partner>()?;
    db.assert_queries(2, || {
        db.transaction(|| partners.iter().try_for_each(|partner| partner.set_profile(None)))
    })?;
    assert_eq!(db.file.values("SELECT count(partner_id) AS value FROM profiles"), ["0"]);
    Ok(())
}

#[test]
fn a_link_that_is_never_null_and_a_key_are_not_given_up() -> Result<()> {
    let db = schema(5);
    let partner = |id: i32| db.record::<Partner>(id);
    for error in [partner(1).set_passport(None), partner(1).set_passport(20_002)] {
        let error = error.expect_err("NOT NULL");
        assert!(
            matches!(error, Error::MissingValue { model: "Passport", field: "partner_id", .. }),
            "{error:?}"
        );
    }
    // Who has none takes it.
    partner(3).set_passport(20_002)?;
    assert_eq!((partner(2).passport().id()?, partner(3).passport().id()?), (None, Some(20_002)));
    for error in [partner(3).set_secret(1), partner(1).set_secret(None)] {
        let error = error.expect_err("a key").to_string();
        assert!(error.contains("Secret.partner is of the primary key"), "{error}");
    }
    // As it is
    partner(1).set_secret(1)?;
    partner(1).set_passport(20_001)?;
    // A set has no one profile, but may have none.
    let partners = db.all::<Partner>()?;
    assert!(matches!(partners.set_profile(10_001), Err(Error::NotOne { model: "Partner", count: 5 })));
    partners.set_profile(None)?;
    assert!(db.file.values("SELECT id AS value FROM profiles WHERE partner_id IS NOT NULL").is_empty());
    Ok(())
}

#[test]
fn it_is_created_and_deleted() -> Result<()> {
    let db = schema(5);
    let partners = db.all::<Partner>()?;
    let partner = partners.get(2).expect("a third");
    assert!(partner.profile().is_none()?);
    let profile = partner.create_profile(Profile::values().bio("new"))?;
    let secret = partner.create_secret(Secret::values().word("hush"))?;
    assert_eq!(secret.id(), 3);
    db.assert_queries(0, || -> Result<()> {
        assert_eq!(partner.profile().id()?, Some(profile.id()));
        assert_eq!((partner.profile().bio()?.as_deref(), profile.partner_id().id()?), (Some("new"), Some(3)));
        Ok(())
    })?;
    assert_eq!(partner.shown()?, "p3: new");
    // A second one is refused, and nothing is as if.
    let error = partner.create_profile(Profile::values()).expect_err("a second one");
    assert_eq!(error.violation().map(|violation| violation.kind), Some(orm_core::ViolationKind::Unique));
    assert_eq!(partner.profile().id()?, Some(profile.id()));
    // Within a transaction, in the place of one that is given up
    let second = db.transaction(|| {
        partner.set_profile(None)?;
        partner.create_profile(Profile::values().bio("second"))
    })?;
    assert_eq!((partner.profile().id()?, profile.partner_id().id()?), (Some(second.id()), None));
    second.delete()?;
    db.assert_queries(0, || -> Result<()> {
        assert!(partner.profile().is_none()?);
        Ok(())
    })?;
    assert_eq!(partner.shown()?, "p3: ");
    // One that is created has none, as is known.
    let fourth = db.create(Partner::values().name("new"))?;
    assert!(db.assert_queries(0, || fourth.profile().is_none())?);
    let other = db.create(Profile::values().bio("o").partner_id(&fourth))?;
    assert_eq!(db.assert_queries(0, || fourth.profile().id())?, Some(other.id()));
    // Its owner goes.
    fourth.delete()?;
    assert_eq!(other.partner_id().id()?, None);
    Ok(())
}

#[test]
fn a_rollback_and_a_row_read_anew_put_it_right() -> Result<()> {
    let db = schema(5);
    let partner = |id: i32| db.record::<Partner>(id);
    let read =
        || Ok::<_, Error>((partner(1).profile().id()?, partner(3).profile().id()?, partner(1).shown()?));
    let before = read()?;
    let refused: Result<()> = db.transaction(|| {
        partner(3).set_profile(10_001)?;
        assert_eq!(read()?, (None, Some(10_001), "p1: ".into()));
        Err(Error::other("no"))
    });
    assert!(refused.is_err());
    assert_eq!(read()?, before);
    db.file.run("UPDATE profiles SET partner_id = 3 WHERE id = 10001");
    assert_eq!(read()?, before);
    // What points back is a list, which is read again with its owner.
    db.browse::<Partner>([1, 3]).refresh()?;
    assert_eq!(read()?, (None, Some(10_001), "p1: ".into()));
    db.file.run("UPDATE profiles SET partner_id = NULL WHERE id = 10001; UPDATE profiles SET partner_id = 3 WHERE id = 10002");
    partner(3).profile().refresh()?;
    assert_eq!((partner(3).profile().id()?, partner(3).shown()?), (Some(10_002), "p3: b2".into()));
    Ok(())
}

#[test]
fn profiles_change_hands_within_one_flush() -> Result<()> {
    let db = schema(12);
    let (partner, profile) =
        (|id: i32| db.record::<Partner>(id), |id: i32| db.record::<Profile>(10_000 + id));
    let links = || profiles(&db)[..4].join(", ");
    // The one that takes has the smaller key, and would be written first.
    db.transaction(|| {
        profile(2).set_partner_id(None)?;
        profile(1).set_partner_id(2)
    })?;
    assert_eq!(links(), "10001 2, 10002 -, 10004 4, 10005 5");
    // A chain: 5 gives up to 4, 4 to 1
    [1, 4, 5].iter().try_for_each(|&id| profile(id).bio().map(drop))?;
    db.transaction(|| {
        profile(5).set_partner_id(3)?;
        profile(4).set_partner_id(5)?;
        profile(1).set_partner_id(4)
    })?;
    assert_eq!(links(), "10001 4, 10002 -, 10004 5, 10005 3");
    // A circle, which takes NULL in between
    db.assert_queries(4, || {
        db.transaction(|| {
            let (first, second) = (partner(4).profile().load()?, partner(5).profile().load()?);
            partner(4).set_profile(second.as_ref().expect("it has one"))?;
            partner(5).set_profile(first.as_ref().expect("it had one"))
        })
    })?;
    assert_eq!(links(), "10001 5, 10002 -, 10004 4, 10005 3");
    assert_eq!((partner(4).profile().id()?, partner(5).profile().id()?), (Some(10_004), Some(10_001)));
    // Of one whose link nobody has read
    db.cache().clear();
    db.transaction(|| {
        profile(5).set_partner_id(None)?;
        profile(2).set_partner_id(3)
    })?;
    assert_eq!(links(), "10001 5, 10002 3, 10004 4, 10005 -");
    Ok(())
}

#[test]
fn what_cannot_be_null_changes_hands_in_a_row_but_not_in_a_circle() -> Result<()> {
    let db = schema(6);
    let passport = |id: i32| db.record::<Passport>(20_000 + id);
    let passports = [1, 2, 4].map(passport);
    passports.iter().try_for_each(|passport| passport.number().map(drop))?;
    db.transaction(|| {
        passport(4).set_partner_id(3)?;
        passport(2).set_partner_id(4)?;
        passport(1).set_partner_id(2)
    })?;
    let links = || db.file.values("SELECT partner_id AS value FROM passports ORDER BY id LIMIT 3");
    assert_eq!(links(), ["2", "4", "3"]);
    let swap = || {
        db.transaction(|| {
            passport(1).set_partner_id(4)?;
            passport(2).set_partner_id(2)
        })
    };
    let error = swap().expect_err("a circle").to_string();
    assert!(error.contains("give it up first and call `flush()`"), "{error}");
    assert_eq!(links(), ["2", "4", "3"]);
    assert_eq!(db.record::<Partner>(2).passport().id()?, Some(20_001));
    Ok(())
}

#[test]
fn two_models_over_one_table_see_one_link() -> Result<()> {
    let db = schema(5);
    let (partner, person) = (db.record::<Partner>(1), db.record::<Person>(1));
    assert_eq!(person.account_ids().ids()?, [10_001]);
    assert_eq!(partner.profile().id()?, Some(10_001));
    partner.set_profile(10_002)?;
    assert_eq!(person.account_ids().ids()?, [10_002]);
    db.record::<Account>(10_001).set_person_id(2)?;
    assert_eq!(db.record::<Partner>(2).profile().id()?, Some(10_001));
    Ok(())
}

diesel::table! { orders (shop, number) { shop -> Text, number -> Integer } }
diesel::table! { invoices { id -> Integer, shop -> Nullable<Text>, number -> Nullable<Integer> } }
diesel::table! { shops (code) { code -> Text } }
diesel::table! { heads (code) { code -> Text, name -> Text } }

#[derive(Model)]
#[model(primary_key(shop, number))]
struct Order {
    shop: String,
    number: i32,
    #[model(inverse = Invoice::ORDER)]
    invoice: OneToOne<Invoice>,
}

#[derive(Model)]
struct Invoice {
    id: i32,
    #[model(columns(shop, number))]
    order: Option<Id<Order>>,
}

#[derive(Model)]
struct Shop {
    #[model(primary_key)]
    code: String,
    #[model(inverse = Head::SHOP)]
    head: OneToOne<Head>,
}

#[derive(Model)]
struct Head {
    #[model(primary_key)]
    code: String,
    #[model(column = code)]
    shop: Id<Shop>,
    name: String,
}

fn of_shops() -> TestDb {
    let (caseless, made) = CASELESS;
    let sql = format!(
        "{made} CREATE TABLE orders (shop TEXT COLLATE {caseless} NOT NULL, number INTEGER NOT NULL, PRIMARY KEY (shop, number));
        CREATE TABLE invoices (id INTEGER PRIMARY KEY, shop TEXT COLLATE {caseless}, number INTEGER, UNIQUE (shop, number));
        CREATE TABLE shops (code TEXT COLLATE {caseless} PRIMARY KEY);
        CREATE TABLE heads (code TEXT COLLATE {caseless} PRIMARY KEY, name TEXT NOT NULL);
        INSERT INTO orders VALUES ('a', 1), ('a', 2), ('b', 1); INSERT INTO invoices VALUES (7, 'a', 2), (8, 'B', 1), (9, NULL, NULL);
        INSERT INTO shops VALUES ('a'), ('b'), ('c'); INSERT INTO heads VALUES ('a', 'Anna'), ('B', 'Bert')"
    );
    test_db!(File::new(&sql), strict())
}

#[test]
fn a_link_of_several_columns_whatever_the_case() -> Result<()> {
    let db = of_shops();
    let orders = db.all::<Order>()?;
    let ids = || orders.iter().map(|order| order.invoice().id()).collect::<Result<Vec<_>>>();
    assert_eq!(db.assert_queries(1, ids)?, [None, Some(7), Some(8)]);
    assert_eq!(db.assert_queries(0, ids)?, [None, Some(7), Some(8)]);
    let order = |index: usize| orders.get(index).expect("in range");
    order(0).set_invoice(8)?;
    assert_eq!(ids()?, [Some(8), Some(7), None]);
    order(2).create_invoice(Invoice::values())?;
    order(1).set_invoice(None)?;
    assert_eq!(ids()?, [Some(8), None, Some(10)]);
    let rows = db.file.values("SELECT coalesce(shop || number, '-') AS value FROM invoices ORDER BY id");
    assert_eq!(rows, ["-", "a1", "-", "b1"]);
    db.cache().clear();
    assert_eq!(ids()?, [Some(8), None, Some(10)]);
    Ok(())
}

#[test]
fn a_shared_key_that_a_collation_calls_equal() -> Result<()> {
    for read_heads_first in [false, true] {
        let db = of_shops();
        if read_heads_first {
            db.all::<Head>()?.name()?;
        }
        let shops = db.all::<Shop>()?;
        let names = || shops.iter().map(|shop| shop.head().name()).collect::<Result<Vec<_>>>();
        assert_eq!(names()?, [Some("Anna".into()), Some("Bert".into()), None]);
        let head = shops.get(2).expect("a third").create_head(Head::values().name("Carl"))?;
        assert_eq!((head.id(), head.shop().id()?), ("c".into(), "c".into()));
        assert_eq!(names()?, [Some("Anna".into()), Some("Bert".into()), Some("Carl".into())]);
        db.record::<Head>("B").delete()?;
        assert_eq!(names()?, [Some("Anna".into()), None, Some("Carl".into())]);
    }
    Ok(())
}
