//! W2: distinct values go as one multi-row UPDATE per thousand records, equal ones as one `WHERE key IN`.

use diesel::prelude::*;
use orm_core::Result;
use orm_core::prelude::*;
use orm_tests::partners::*;
use orm_tests::statements::Statement;
use orm_tests::{File, TestDb, on, test_db};

/// The same partners, with 40 columns of text that take more binds than SQLite has for a thousand rows
mod wide {
    use super::*;
    diesel::table! {
        wides { id -> Integer, a1 -> Text, a2 -> Text, a3 -> Text, a4 -> Text, a5 -> Text, a6 -> Text, a7 -> Text, a8 -> Text,
            a9 -> Text, a10 -> Text, a11 -> Text, a12 -> Text, a13 -> Text, a14 -> Text, a15 -> Text, a16 -> Text, a17 -> Text,
            a18 -> Text, a19 -> Text, a20 -> Text, a21 -> Text, a22 -> Text, a23 -> Text, a24 -> Text, a25 -> Text, a26 -> Text,
            a27 -> Text, a28 -> Text, a29 -> Text, a30 -> Text, a31 -> Text, a32 -> Text, a33 -> Text, a34 -> Text, a35 -> Text }
    }
    macro_rules! wide {
        ($($column:ident)*) => {
            #[derive(Model)]
            pub(super) struct Wide { id: i32, $($column: String,)* }

            pub(super) fn values(text: &str) -> orm_core::Values<Wide> {
                Wide::values()$(.$column(text))*
            }

            pub(super) const SCHEMA: &str = concat!("CREATE TABLE wides (id INTEGER PRIMARY KEY NOT NULL"
                $(, ", ", stringify!($column), " VARCHAR(10) NOT NULL DEFAULT ''")*, ")");
        };
    }
    wide! { a1 a2 a3 a4 a5 a6 a7 a8 a9 a10 a11 a12 a13 a14 a15 a16 a17 a18 a19 a20 a21 a22 a23 a24 a25 a26 a27 a28 a29 a30
    a31 a32 a33 a34 a35 }
}

#[test]
fn distinct_values_are_one_update_per_thousand() -> Result<()> {
    let db = TestDb::of_partners(2_500, 10);
    let partners = db.all::<Partner>()?;
    let (result, statements) =
        db.watch(|| db.transaction(|| partners.iter().try_for_each(|p| p.set_name(format!("N{}", p.id())))));
    result?;
    let binds: Vec<usize> = statements.iter().map(|statement| statement.binds.len()).collect();
    // Key and value of each row; 500 rows are filled up to 512 by the last one, so that the text is found again. PostgreSQL
    // is told all keys in an array as well, to lock them in their order; MySQL has no VALUES, and is told each key three times.
    let expected = on!(
        sqlite [2_000, 2_000, 1_024],
        postgres [2_001, 2_001, 1_025],
        mysql [4_000, 4_000, 2_048]
    );
    assert_eq!(binds, expected, "{statements:?}");
    let text = statements[0].plain();
    let (start, end) = on!(
        sqlite("`name` = v.column2 FROM (VALUES (?, ?), (?, ?)", ") AS v WHERE `partners`.`id` = v.column1"),
        postgres("`name` = v.column2 FROM (VALUES (?, ?), (?, ?)", " FOR NO KEY UPDATE)"),
        mysql("`name` = CASE WHEN `partners`.`id` IN (?, ?", "?, ?, ?)")
    );
    assert!(text.starts_with(&format!("UPDATE `partners` SET {start}")) && text.ends_with(end), "{text}");
    let wrong = db.file.values("SELECT name AS value FROM partners WHERE name <> 'N' || id");
    assert_eq!(wrong, Vec::<String>::new());
    Ok(())
}

#[test]
fn equal_values_are_one_update_by_key() -> Result<()> {
    let db = TestDb::of_partners(2_500, 10);
    let partners = db.all::<Partner>()?;
    let (result, statements) = db.watch(|| partners.write(Partner::values().lang("fr").city("Liège")));
    result?;
    assert_eq!(statements.len(), 1);
    assert!(
        statements[0].plain().starts_with("UPDATE `partners` SET `lang` = ?, `city` = ? WHERE "),
        "{}",
        statements[0].sql
    );
    assert_eq!(db.file.values("SELECT DISTINCT lang || city AS value FROM partners"), ["frLiège"]);
    Ok(())
}

/// MySQL writes a double in a statement with others of the same fields alone: in a CASE with a DECIMAL it would make a double of it.
const MIXES_DOUBLES: bool = on!(sqlite true, postgres true, mysql false);

/// Which of eight fields are written of a partner, a bit each: any set of them, and half of them in all
fn written_of(id: i32) -> i32 {
    id * 37 % 256
}

#[test]
fn whatever_is_written_of_each_goes_together() -> Result<()> {
    let db = TestDb::of_partners(2_000, 10);
    db.file.run("INSERT INTO countries VALUES (11, 'Eleven', '0B', 1)");
    let partners = db.all::<Partner>()?;
    partners.first().map(|partner| partner.name()).transpose()?;
    // Meanwhile somebody else writes all of it: of what is not written here that stays.
    db.file.run(
        "UPDATE partners SET name = 'theirs', lang = 'theirs', email = 'theirs', phone = 'theirs', city = 'theirs', active = FALSE,
            credit = -1, country_id = 10",
    );
    let (result, statements) = db.watch(|| {
        db.transaction(|| {
            partners.iter().try_for_each(|partner| {
                let text = format!("own {}", partner.id());
                let is_written =
                    |bit: &i32| written_of(partner.id()) & 1 << bit != 0 && (*bit != 6 || MIXES_DOUBLES);
                (0..8).filter(is_written).try_for_each(|bit| match bit {
                    0 => partner.set_name(&text),
                    1 => partner.set_lang(text.as_str()),
                    2 => partner.set_email(&text),
                    3 => partner.set_phone(&text),
                    4 => partner.set_city(&text),
                    5 => partner.set_active(true),
                    6 => partner.set_credit(f64::from(partner.id()) + 0.125),
                    _ => partner.set_country_id(11),
                })
            })
        })
    });
    result?;
    let binds: Vec<usize> = statements.iter().map(|statement| statement.binds.len()).collect();
    // The key, eight values and which of them are meant; some partners had what was given. PostgreSQL is told the keys once more,
    // MySQL each value with its key, twice, and the keys.
    let expected = on!(sqlite [10_000, 10_000], postgres [10_001, 10_001], mysql [22_000, 22_000]);
    assert_eq!(binds, expected, "{statements:?}");
    assert_eq!(statements[0].sql, statements[1].sql);
    let is = |bit: i32, own: &str, theirs: &str| {
        format!("CASE WHEN id * 37 % 256 & {} <> 0 THEN {own} ELSE {theirs} END", 1 << bit)
    };
    let text = |bit: i32, column: &str| format!("{column} = {}", is(bit, "'own ' || id", "'theirs'"));
    let right = [
        text(0, "name"),
        text(1, "lang"),
        text(2, "email"),
        text(3, "phone"),
        text(4, "city"),
        format!("credit = {}", is(6, if MIXES_DOUBLES { "id + 0.125" } else { "-1" }, "-1")),
        format!("country_id = {}", is(7, "11", "10")),
    ];
    for right in right {
        let wrong = db.file.values(&format!("SELECT id || '' AS value FROM partners WHERE NOT ({right})"));
        assert_eq!(wrong, Vec::<String>::new(), "{right}");
    }
    Ok(())
}

#[test]
fn one_value_of_very_many_stays_one_statement() -> Result<()> {
    let db = TestDb::of_partners(2_000, 10);
    let partners = db.all::<Partner>()?;
    let (result, statements) = db.watch(|| {
        db.transaction(|| {
            partners.set_credit(0.25)?;
            partners
                .slice(..2)
                .iter()
                .try_for_each(|partner| partner.set_name(format!("N{}", partner.id())))?;
            db.record::<Partner>(3).set_city("Namur")
        })
    });
    result?;
    // Of those of which nothing else is written, and the three others; by what is written of them, where a double does not mix.
    assert_eq!(statements.len(), 2 + usize::from(!MIXES_DOUBLES), "{statements:?}");
    let is_of_all =
        |statement: &Statement| statement.plain().starts_with("UPDATE `partners` SET `credit` = ? WHERE");
    assert_eq!(statements.iter().filter(|statement| is_of_all(statement)).count(), 1, "{statements:?}");
    let shown =
        db.file.values("SELECT name || city || credit AS value FROM partners WHERE id IN (1, 3) ORDER BY id");
    assert!(shown[0].starts_with("N1") && shown.iter().all(|shown| shown.ends_with("0.25")), "{shown:?}");
    assert!(shown[1].contains("Namur"));
    Ok(())
}

#[test]
fn a_record_that_is_written_often_is_sent_once() -> Result<()> {
    let db = TestDb::of_partners(5, 2);
    let partner = db.record::<Partner>(1);
    let (result, statements) =
        db.watch(|| db.transaction(|| (0..100).try_for_each(|i| partner.set_name(format!("try {i}")))));
    result?;
    assert_eq!(statements.len(), 1);
    assert_eq!(statements[0].binds, ["\"try 99\"", on!(sqlite "1", postgres "[1]", mysql "1")]);
    Ok(())
}

#[test]
fn flushes_of_all_sizes_share_few_prepared_statements() -> Result<()> {
    let db = TestDb::of_partners(1_000, 10);
    let partners = db.all::<Partner>()?;
    for round in 0..3 {
        for size in [2, 3, 5, 6, 7, 8, 9, 33, 60, 64, 513, 700, 999, 1000] {
            db.transaction(|| {
                partners.slice(..size).iter().try_for_each(|p| p.set_name(format!("{round} {}", p.id())))
            })?;
        }
    }
    let mut texts: Vec<String> =
        db.statements.prepared().into_iter().filter(|sql| sql.starts_with("UPDATE")).collect();
    let prepared = texts.len();
    texts.sort();
    texts.dedup();
    assert_eq!(prepared, texts.len(), "a text was prepared twice");
    assert_eq!(
        prepared,
        6,
        "2, 4, 8, 16, 64, 1000 rows: {:?}",
        texts.iter().map(String::len).collect::<Vec<_>>()
    );
    Ok(())
}

#[test]
fn whatever_is_written_few_statements_are_prepared_for_good() -> Result<()> {
    let db = TestDb::of_partners(300, 10);
    let partners = db.all::<Partner>()?;
    let mut seed = 12_345_u32;
    let mut random = |n: u32| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 8) % n
    };
    for round in 0..400 {
        let (mask, rows) = (1 + random(15), if round % 2 == 0 { 1 } else { 1 + random(200) as usize });
        db.transaction(|| {
            partners.slice(..rows).iter().try_for_each(|partner| {
                let values = Partner::values();
                let text = format!("{round}/{}", if mask % 3 == 0 { 0 } else { partner.id() });
                let values = if mask & 1 > 0 { values.name(&text) } else { values };
                let values = if mask & 2 > 0 { values.city(&text) } else { values };
                let values = if mask & 4 > 0 { values.email(&text) } else { values };
                let values = if mask & 8 > 0 { values.phone(&text) } else { values };
                partner.write(values)
            })
        })?;
    }
    // For one row the ten sets of one or two columns; for many each of the four columns alone: with a value for each row in eight sizes,
    // with one for all in as many
    let prepared = db.statements.prepared();
    let kept: Vec<&String> = prepared.iter().filter(|sql| sql.starts_with("UPDATE")).collect();
    assert!(kept.len() <= 10 + 4 * 16, "{}", kept.len());
    let sets = kept.iter().filter(|sql| sql.contains("VALUES") && sql.contains("column3"));
    assert_eq!(sets.count(), 0, "{kept:?}");
    Ok(())
}

#[test]
fn a_statement_keeps_to_the_binds_that_the_backend_takes() -> Result<()> {
    let db = TestDb::new(wide::SCHEMA);
    let wides = db.create_many((0..1_000).map(|_| wide::values("x")))?;
    let (result, statements) = db.watch(|| {
        db.transaction(|| wides.iter().try_for_each(|wide| wide.write(wide::values(&wide.id().to_string()))))
    });
    result?;
    let most = on!(sqlite 32_766, postgres 65_535, mysql 65_535);
    assert!(statements.iter().all(|statement| statement.binds.len() <= most));
    // On SQLite and MySQL, where a row has 106 binds, 512 rows and the rest
    assert_eq!(statements.len(), on!(sqlite 2, postgres 1, mysql 2), "{statements:?}");
    assert_eq!(
        db.file.values("SELECT count(*) || '' AS value FROM wides WHERE a1 = id || '' AND a35 = id || ''"),
        ["1000"]
    );
    Ok(())
}

#[test]
fn what_waits_is_never_dropped() -> Result<()> {
    let db = test_db!(File::of_partners(3_000, 10), cache_limit(100));
    let keys = partners::table.order(partners::id).record_ids::<Partner>(&db)?;
    db.transaction(|| {
        keys.iter().try_for_each(|p| p.set_name(format!("N{}", p.id())))?;
        // C2: no invalidation drops an unflushed write; C3: no eviction does.
        db.cache().invalidate(Partner::NAME, [1]);
        db.cache().invalidate_field(Partner::NAME);
        db.cache().invalidate_model::<Partner>();
        db.cache().clear();
        db.cache().set_limit(10);
        db.cache().set(Partner::NAME, 5, "as if loaded");
        assert_eq!(db.cache().get(Partner::NAME, 5).as_deref(), Some("N5"));
        assert_eq!(db.stats().dirty, 3_000);
        // A batch that lands does not overwrite it either.
        assert_eq!(
            keys.first()
                .map(|p| Ok::<_, orm_core::Error>((p.name()?, p.email()?)))
                .transpose()?
                .map(|(name, _)| name),
            Some("N1".into())
        );
        Ok(())
    })?;
    assert_eq!(
        db.file.values("SELECT count(*) || '' AS value FROM partners WHERE name = 'N' || id"),
        ["3000"]
    );
    assert!(db.stats().dirty == 0);
    Ok(())
}

#[test]
fn batches_can_be_written_as_they_come() -> Result<()> {
    let db = TestDb::of_partners(2_500, 10);
    db.transaction(|| {
        db.in_batches(partners::table.order(partners::id), 1_000, |batch: RecordSet<Partner>| {
            batch.iter().try_for_each(|p| p.set_name(format!("{} !", p.name()?)))
        })
    })?;
    let wrong =
        db.file.values("SELECT name AS value FROM partners WHERE name <> 'Partner number ' || id || ' !'");
    assert_eq!(wrong, Vec::<String>::new());
    Ok(())
}

mod codes {
    use super::*;
    diesel::table! { codes { id -> Integer, code -> Nullable<Text>, rank -> Nullable<Integer>, note -> Nullable<Text> } }

    #[derive(Model)]
    #[model(table = codes)]
    pub(super) struct Code {
        id: i32,
        code: Option<String>,
        rank: Option<i32>,
        note: Option<String>,
    }

    pub(super) fn db() -> TestDb {
        TestDb::new(
            "CREATE TABLE codes (id INTEGER PRIMARY KEY, code TEXT UNIQUE, rank INTEGER UNIQUE, note TEXT);
             INSERT INTO codes VALUES (1, 'a', 1, 'x'), (2, 'b', 2, 'y'), (3, NULL, NULL, 'z')",
        )
    }
}

#[test]
fn what_becomes_null_is_given_up_before_others_take_it() -> Result<()> {
    use codes::Code;
    for (giver, taker) in [(1, 2), (2, 1), (2, 3), (1, 3)] {
        let db = codes::db();
        let record = |id: i32| db.record::<Code>(id);
        let (code, rank) = (record(giver).code()?, record(giver).rank()?);
        let (result, statements) = db.watch(|| {
            db.transaction(|| {
                record(taker).set_code(&code)?;
                record(taker).set_rank(rank)?;
                record(giver).set_code(None)?;
                record(giver).set_rank(None)
            })
        });
        result?;
        assert_eq!(statements.len(), 2, "{statements:?}");
        let query = format!("SELECT code || rank AS value FROM codes WHERE id = {taker}");
        assert_eq!(db.file.values(&query), [format!("{}{}", code.unwrap(), rank.unwrap())]);
    }
    // All of them NULL, or none of them: one statement
    let db = codes::db();
    let all = db.all::<Code>()?;
    db.assert_queries(1, || db.transaction(|| all.iter().try_for_each(|code| code.set_note(None))))?;
    db.assert_queries(1, || {
        db.transaction(|| all.iter().try_for_each(|code| code.set_note(format!("n{}", code.id()))))
    })?;
    assert_eq!(db.file.values("SELECT note AS value FROM codes ORDER BY id"), ["n1", "n2", "n3"]);
    Ok(())
}
