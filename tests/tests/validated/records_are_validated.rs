//! `#[model(validate = f)]`: each new or changed record once, before anything of it could be committed; if one is refused nothing is
//! written, and what waits goes on waiting.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use diesel::prelude::*;
use orm_core::prelude::*;
use orm_core::{Error, Result};
use orm_tests::database::{File, TestDb};
use orm_tests::test_db;

diesel::table! { rooms { id -> Integer, name -> Text, seats -> Integer, next_id -> Nullable<Integer> } }
diesel::table! {
    bookings { id -> Integer, room_id -> Integer, begins -> Integer, ends -> Integer, seats -> Integer, version -> Integer }
}
diesel::table! { labels { id -> Integer, name -> Text } }
diesel::table! { room_labels (room_id, label_id) { room_id -> Integer, label_id -> Integer } }
diesel::allow_tables_to_appear_in_same_query!(rooms, room_labels);

/// What a validator does
type More = fn(&Record<Room>) -> Result<()>;

thread_local! {
    static CALLS: Cell<usize> = const { Cell::new(0) };
    /// What the validator of rooms does besides
    static MORE: RefCell<Option<More>> = const { RefCell::new(None) };
}

/// How often records were validated since this was last asked
fn calls() -> usize {
    CALLS.take()
}

fn called() {
    CALLS.set(CALLS.get() + 1);
}

#[derive(Model)]
#[model(validate = is_sound)]
struct Room {
    id: i32,
    name: String,
    seats: i32,
    next_id: Option<Id<Room>>,
    #[model(inverse = Booking::ROOM_ID)]
    booking_ids: OneToMany<Booking>,
    #[model(inverse = Room::NEXT_ID)]
    previous_ids: OneToMany<Room>,
    #[model(through(room_labels::room_id, room_labels::label_id))]
    label_ids: ManyToMany<Label>,
}

#[derive(Model)]
struct Label {
    id: i32,
    name: String,
}

/// An error of the application's own
#[derive(Debug)]
enum Unsound {
    NoName,
    TooFew { booked: i32, seats: i32 },
}

impl fmt::Display for Unsound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoName => f.write_str("a room needs a name"),
            Self::TooFew { booked, seats } => write!(f, "{booked} seats are booked of {seats}"),
        }
    }
}

impl std::error::Error for Unsound {}

fn is_sound(room: &Record<Room>) -> Result<()> {
    called();
    if room.name()?.is_empty() {
        return Err(Error::other(Unsound::NoName));
    }
    let more = MORE.with_borrow(|more| *more);
    more.map_or(Ok(()), |more| more(room))
}

fn has_seats(room: &Record<Room>) -> Result<()> {
    let (booked, seats) = (room.booking_ids().seats()?.into_iter().sum(), room.seats()?);
    if booked > seats { Err(Error::other(Unsound::TooFew { booked, seats })) } else { Ok(()) }
}

/// Bookings of a room that no other one overlaps
#[derive(Model)]
#[model(validate = is_alone)]
struct Booking {
    id: i32,
    room_id: Id<Room>,
    begins: i32,
    ends: i32,
    seats: i32,
    #[model(version)]
    version: i32,
}

/// An error of any type will do
fn is_alone(booking: &Record<Booking>) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    called();
    let (first, last) = (booking.begins()?, booking.ends()?);
    if last < first {
        return Err("it ends before it begins".into());
    }
    let room = booking.room_id().id()?;
    let others = bookings::table
        .filter(bookings::room_id.eq(room).and(bookings::id.ne(booking.id())))
        .filter(bookings::begins.le(last).and(bookings::ends.ge(first)));
    match others.count_records::<Booking>(booking.env())? {
        0 => Ok(()),
        others => Err(format!("{others} others overlap").into()),
    }
}

mod seats {
    diesel::table! { bookings { id -> Integer, room_id -> Integer, begins -> Integer, ends -> Integer, seats -> Integer } }
}

/// The same table, for those that only look at the seats
#[derive(Model)]
#[model(table = seats::bookings, validate = fits)]
struct Party {
    id: i32,
    room_id: Id<Room>,
    begins: i32,
    ends: i32,
    seats: i32,
}

fn fits(party: &Record<Party>) -> Result<(), String> {
    called();
    let (seats, name) = (party.room_id().seats(), party.room_id().name());
    let (seats, name) = (seats.map_err(|error| error.to_string())?, name.map_err(|error| error.to_string())?);
    if party.seats().is_ok_and(|own| own <= seats) { Ok(()) } else { Err(format!("too many for {name}")) }
}

fn schema() -> TestDb {
    calls();
    MORE.set(None);
    test_db!(File::new(
        "CREATE TABLE rooms (id INTEGER PRIMARY KEY, name TEXT NOT NULL, seats INTEGER NOT NULL DEFAULT 10, next_id INTEGER);
        CREATE TABLE bookings (id INTEGER PRIMARY KEY, room_id INTEGER NOT NULL, begins INTEGER NOT NULL, ends INTEGER NOT NULL,
            seats INTEGER NOT NULL DEFAULT 1, version INTEGER NOT NULL DEFAULT 1);
        CREATE TABLE labels (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
        CREATE TABLE room_labels (room_id INTEGER NOT NULL, label_id INTEGER NOT NULL, PRIMARY KEY (room_id, label_id));
        INSERT INTO rooms VALUES (1, 'red', 10, NULL), (2, 'blue', 4, NULL), (3, 'green', 8, NULL);
        INSERT INTO bookings VALUES (1, 1, 1, 5, 3, 1), (2, 1, 6, 9, 3, 1), (3, 2, 1, 5, 2, 1), (4, 2, 6, 9, 2, 1);
        INSERT INTO labels VALUES (1, 'old'), (2, 'new')"
    ))
}

/// What the database holds of the rooms and the bookings
fn stored(db: &TestDb) -> (Vec<String>, Vec<String>) {
    (
        db.file.values("SELECT name || ' ' || seats AS value FROM rooms ORDER BY id"),
        db.file.values("SELECT room_id || ': ' || begins || '-' || ends || ' ' || seats || ' v' || version AS value FROM bookings ORDER BY id"),
    )
}

#[test]
fn a_changed_record_is_validated_before_it_is_sent() -> Result<()> {
    let db = schema();
    let (before, room) = (stored(&db), db.record::<Room>(1));
    room.name()?;
    let error = db.assert_queries(0, || room.set_name("")).unwrap_err();
    assert_eq!(error.to_string(), "Room with key 1 is not valid: a room needs a name");
    assert!(matches!(&error, Error::Invalid { model: "Room", id: Some(id), .. } if id == "1"), "{error:?}");
    assert!(error.invalid().is_some_and(|source| matches!(source.downcast_ref(), Some(Unsound::NoName))));
    // Its text says all that its source would.
    assert!(std::error::Error::source(&error).is_none());
    assert_eq!((room.name()?, calls()), ("red".into(), 1));
    assert_eq!(stored(&db), before);
    // A valid one is its UPDATE, and no more.
    let (written, sent) = db.watch(|| room.set_name("crimson"));
    assert!(written.is_ok() && sent.len() == 1 && sent[0].sql.starts_with("UPDATE"), "{sent:?}");
    assert!(db.statements.control().is_empty());
    assert_eq!((calls(), &stored(&db).0[0][..]), (1, "crimson 10"));
    // What it has already is no change.
    db.assert_queries(0, || room.set_name("crimson"))?;
    assert_eq!(calls(), 0);
    Ok(())
}

#[test]
fn if_one_is_refused_nothing_is_written_and_all_of_it_waits() -> Result<()> {
    let db = schema();
    let before = stored(&db);
    let rooms = db.all::<Room>()?;
    db.transaction(|| {
        rooms.get(0).expect("one").set_name("first")?;
        rooms.get(1).expect("two").set_name("")?;
        db.record::<Label>(1).set_name("antique")?;
        rooms.get(0).expect("one").label_ids().add(&db.record::<Label>(1))?;
        let error = db.assert_queries(0, || db.flush()).unwrap_err();
        assert!(matches!(&error, Error::Invalid { id: Some(id), .. } if id == "2"), "{error}");
        // A search would send it as well.
        assert!(db.all::<Label>().is_err_and(|error| error.invalid().is_some()));
        assert_eq!(rooms.name()?, ["first", "", "green"]);
        assert_eq!((db.stats().dirty, stored(&db)), (3, before.clone()));
        // It is put right, and the transaction goes on.
        rooms.get(1).expect("two").set_name("second")?;
        calls();
        // The rooms, the label and the pair
        db.assert_queries(3, || db.flush())?;
        assert_eq!(calls(), 2);
        Ok(())
    })?;
    assert_eq!(stored(&db).0, ["first 10", "second 4", "green 8"]);
    assert_eq!(db.file.values("SELECT name AS value FROM labels ORDER BY id"), ["antique", "new"]);
    assert_eq!(db.file.values("SELECT label_id AS value FROM room_labels"), ["1"]);
    // A commit is refused as a whole, and undone.
    let refused = db.transaction(|| {
        rooms.get(2).expect("three").set_seats(9)?;
        rooms.get(0).expect("one").set_name("")
    });
    assert!(refused.is_err_and(|error| error.invalid().is_some()));
    assert_eq!(
        (rooms.name()?, rooms.seats()?),
        (["first", "second", "green"].map(Into::into).into(), vec![10, 4, 8])
    );
    assert_eq!(stored(&db).0, ["first 10", "second 4", "green 8"]);
    Ok(())
}

#[test]
fn what_is_validated_together_is_read_together() -> Result<()> {
    let db = schema();
    let new = (0..200).map(|n| Room::values().name(format!("r{n}")).seats(n));
    let rooms = db.create_many(new)?;
    let parties = (0..200).map(|n| {
        Party::values().id(100 + n).begins(0).ends(0).room_id(rooms.get(n as usize).expect("one")).seats(n)
    });
    let parties = db.create_many(parties)?;
    db.cache().clear();
    calls();
    // The links and the seats, which the setter compares with; the rooms of all; one UPDATE
    parties.room_id().name()?;
    db.cache().invalidate_model::<Room>();
    let (written, sent) = db.watch(|| db.transaction(|| parties.set_seats(-1)));
    written?;
    assert_eq!(sent.iter().map(|sent| &sent.sql[..6]).collect::<Vec<_>>(), ["SELECT", "UPDATE"], "{sent:?}");
    assert_eq!((sent[0].keys().len(), calls()), (200, 200));
    // Not by the function of another model of the table, which would find that they overlap
    assert!(db.record::<Booking>(101).version().is_ok());
    // The first by key is the one that is told, and those behind it are not looked at.
    let error = db.transaction(|| parties.set_seats(100)).unwrap_err();
    assert_eq!(error.to_string(), "Party with key 100 is not valid: too many for r0");
    assert_eq!(calls(), 1);
    Ok(())
}

#[test]
fn what_only_the_database_knows_is_asked_when_all_was_sent() -> Result<()> {
    let db = schema();
    let bookings = db.all::<Booking>()?;
    let before = stored(&db);
    calls();
    db.transaction(|| {
        // They change places, and only half-way would they overlap.
        bookings.get(0).expect("one").set_room_id(2)?;
        bookings.get(2).expect("three").set_room_id(1)?;
        let ((flushed, sent), control) = (db.watch(|| db.flush()), db.statements.control());
        flushed?;
        // The rooms first, then one search for each; the first was interrupted and is called again.
        assert_eq!(sent.iter().filter(|sent| !sent.is_select()).count(), 1, "{sent:?}");
        assert_eq!(
            (sent.iter().filter(|sent| sent.sql.contains("COUNT")).count(), calls()),
            (2, 3),
            "{sent:?}"
        );
        assert_eq!(control.len(), 3, "a transaction, a savepoint, and its end: {control:?}");
        assert_eq!(db.stats().dirty, 0);
        // Now they overlap: as they wait, not as they are in the database.
        bookings.get(1).expect("two").set_begins(5)?;
        let error = db.flush().unwrap_err();
        assert_eq!(error.to_string(), "Booking with key 2 is not valid: 1 others overlap");
        assert_eq!((db.stats().dirty, bookings.get(1).expect("two").begins()?), (1, 5));
        assert_eq!(bookings.get(1).expect("two").version()?, 1);
        // Room is made by what waits, too; what is compared is still the version that was read.
        bookings.get(2).expect("three").set_ends(4)?;
        let (flushed, sent) = db.watch(|| db.flush());
        flushed?;
        let compared = if cfg!(feature = "mysql") { "FOR UPDATE" } else { "RETURNING" };
        assert!(sent.iter().any(|sent| sent.sql.contains(compared)), "{sent:?}");
        Ok(())
    })?;
    assert_eq!(stored(&db).1, ["2: 1-5 3 v2", "1: 5-9 3 v2", "1: 1-4 2 v3", "2: 6-9 2 v1"]);
    assert_ne!(stored(&db), before);
    // A commit that is refused when all was sent is undone.
    let refused = db.transaction(|| bookings.get(1).expect("two").set_begins(4));
    assert!(refused.is_err_and(|error| error.invalid().is_some()));
    assert_eq!((bookings.get(1).expect("two").begins()?, bookings.get(1).expect("two").version()?), (5, 2));
    Ok(())
}

#[test]
fn outside_of_a_transaction_it_is_one_of_its_own() -> Result<()> {
    let db = schema();
    let booking = db.record::<Booking>(1);
    let before = stored(&db);
    let error = booking.set_ends(6).unwrap_err();
    assert_eq!(error.to_string(), "Booking with key 1 is not valid: 1 others overlap");
    assert_eq!((stored(&db), booking.ends()?, booking.version()?, db.stats().dirty), (before, 5, 1, 0));
    booking.set_ends(4)?;
    assert_eq!((&stored(&db).1[0][..], booking.version()?), ("1: 1-4 3 v2", 2));
    let error = db.transaction(|| booking.set_ends(0)).unwrap_err();
    assert_eq!(error.to_string(), "Booking with key 1 is not valid: it ends before it begins");
    Ok(())
}

#[test]
fn lists_are_as_what_waits_has_made_them() -> Result<()> {
    let db = schema();
    MORE.set(Some(has_seats));
    let (red, blue) = (db.record::<Room>(1), db.record::<Room>(2));
    let too_few =
        |error: &Error| error.invalid().and_then(|source| source.downcast_ref()).map(Unsound::to_string);
    // Not cached, and nothing of the bookings waits: still the room does, so it is sent first.
    let error = red.set_seats(5).unwrap_err();
    assert_eq!(too_few(&error).as_deref(), Some("6 seats are booked of 5"));
    db.transaction(|| {
        // Cached, and put right by the setter
        red.booking_ids().load()?;
        blue.booking_ids().load()?;
        db.record::<Booking>(2).set_room_id(3)?;
        db.record::<Booking>(2).set_seats(8)?;
        red.set_seats(3)?;
        db.flush()?;
        // Not cached, and what waits makes it too long
        db.cache().invalidate_model::<Room>();
        db.record::<Booking>(4).set_room_id(1)?;
        red.set_name("small")?;
        let error = db.flush().unwrap_err();
        assert_eq!(too_few(&error).as_deref(), Some("5 seats are booked of 3"));
        assert_eq!(red.booking_ids().load().map(|_| ()).unwrap_err().to_string(), error.to_string());
        db.record::<Booking>(4).set_room_id(2)?;
        assert_eq!(red.booking_ids().ids()?, [1]);
        Ok(())
    })?;
    assert_eq!(stored(&db).0, ["small 3", "blue 4", "green 8"]);
    Ok(())
}

#[test]
fn pairs_and_links_wait_again_where_all_was_sent_before_it_was_refused() -> Result<()> {
    let db = schema();
    let rooms = db.all::<Room>()?;
    let [one, two, three] = [0, 1, 2].map(|at| rooms.get(at).expect("a room"));
    db.transaction(|| {
        one.label_ids().load()?;
        one.label_ids().add(&db.record::<Label>(2))?;
        one.set_next_id(&two)?;
        two.set_next_id(&three)?;
        three.set_name("")?;
        one.set_name("one")?;
        MORE.set(Some(|room| {
            if room.id() == 1 && room.label_ids().len()? + room.previous_ids().len()? > 1 {
                return Err(Error::other("too many"));
            }
            Ok(())
        }));
        let refused = db.flush().unwrap_err();
        assert_eq!(refused.to_string(), "Room with key 3 is not valid: a room needs a name");
        three.set_next_id(&one)?;
        three.set_name("three")?;
        let refused = db.flush().unwrap_err();
        assert_eq!(refused.to_string(), "Room with key 1 is not valid: too many");
        assert_eq!(db.file.values("SELECT label_id AS value FROM room_labels"), [""; 0]);
        assert_eq!(rooms.name()?, ["one", "blue", "three"]);
        assert_eq!((one.next_id().id()?, three.next_id().id()?), (Some(2), Some(1)));
        assert_eq!(one.label_ids().ids().map_err(|error| error.to_string()), Ok(vec![2]));
        three.set_next_id(None)?;
        db.flush()
    })?;
    assert_eq!(db.file.values("SELECT label_id AS value FROM room_labels WHERE room_id = 1"), ["2"]);
    assert_eq!(
        db.file.values("SELECT name || ' ' || coalesce(next_id, 0) AS value FROM rooms ORDER BY id"),
        ["one 2", "blue 3", "three 0"]
    );
    Ok(())
}

#[test]
fn a_new_record_is_validated_when_it_is_there_and_is_gone_if_it_is_refused() -> Result<()> {
    let db = schema();
    let before = stored(&db);
    let error = db.create(Room::values().name("")).unwrap_err();
    assert_eq!(error.to_string(), "a new Room is not valid: a room needs a name");
    assert!(matches!(error, Error::Invalid { model: "Room", id: None, .. }));
    assert_eq!((stored(&db), calls()), (before.clone(), 1));
    // Of many it is said which one.
    let names = ["a", "b", "", "d", ""];
    let error = db.create_many(names.map(|name| Room::values().name(name))).unwrap_err();
    assert!(
        matches!(error, Error::RowRefused { row: 2, rows: 5, .. }) && error.invalid().is_some(),
        "{error}"
    );
    assert_eq!((stored(&db), calls(), db.all::<Room>()?.len()), (before, 3, 3));
    // An open transaction goes on, and what waited before is no part of what is undone.
    db.transaction(|| {
        db.record::<Room>(1).set_name("crimson")?;
        assert!(db.create(Room::values().name("")).is_err());
        assert_eq!(db.record::<Room>(1).name()?, "crimson");
        let room = db.create(Room::values().name("new"))?;
        assert_eq!(
            room.booking_ids().create(Booking::values().begins(3).ends(2)).unwrap_err().to_string(),
            "a new Booking is not valid: it ends before it begins"
        );
        room.booking_ids().create(Booking::values().begins(1).ends(2))?;
        // It is there, and so found by another one.
        let error = room.booking_ids().create(Booking::values().begins(2).ends(3)).unwrap_err();
        assert_eq!(error.to_string(), "a new Booking is not valid: 1 others overlap");
        assert_eq!(room.booking_ids().len()?, 1);
        // A default is read to be validated.
        assert_eq!(room.seats()?, 10);
        Ok(())
    })?;
    assert_eq!(stored(&db).0[0], "crimson 10");
    // Those that overlap each other
    let two = [Booking::values(), Booking::values()].map(|values| values.room_id(3).begins(1).ends(2));
    assert!(db.create_many(two).is_err_and(|error| error.invalid().is_some()));
    assert_eq!(stored(&db).1.len(), 5);
    Ok(())
}

#[test]
fn whatever_creates_or_changes_a_row_is_validated() -> Result<()> {
    let db = schema();
    let before = stored(&db);
    let is_invalid = |result: Result<()>| assert!(result.is_err_and(|error| error.invalid().is_some()));
    if cfg!(not(feature = "mysql")) {
        is_invalid(db.upsert(Room::ID, Room::values().id(1).name("").seats(1)).map(drop));
        is_invalid(db.upsert_many(Room::ID, [Room::values().id(2).name("").seats(1)]).map(drop));
        is_invalid(db.create_missing(Room::ID, [Room::values().id(9).name("").seats(1)]).map(drop));
        // What is there stays as it is, and is not asked about.
        calls();
        assert!(db.create_missing(Room::ID, [Room::values().id(1).name("").seats(1)])?.is_empty());
        assert_eq!(calls(), 0);
    }
    is_invalid(db.get_or_create(Room::NAME, Room::values().name("")).map(drop));
    is_invalid(db.record::<Room>(1).write(Room::values().name("").seats(3)));
    // What the database works out is known when it is written.
    is_invalid(db.record::<Room>(1).update(rooms::name.eq("")));
    is_invalid(db.all::<Room>()?.update(rooms::name.eq("")));
    assert_eq!(
        (stored(&db), db.all::<Room>()?.name()?),
        (before, ["red", "blue", "green"].map(Into::into).into())
    );
    db.record::<Room>(1).update(rooms::seats.eq(rooms::seats + 1))?;
    assert_eq!(db.record::<Room>(1).seats()?, 11);
    db.transaction(|| {
        is_invalid(db.all::<Room>()?.update(rooms::name.eq("")));
        db.all::<Room>()?.update(rooms::seats.eq(rooms::seats + 1))
    })?;
    assert_eq!(stored(&db).0, ["red 12", "blue 5", "green 9"]);
    // Who is deleted is asked nothing.
    calls();
    db.record::<Room>(3).delete()?;
    assert_eq!(calls(), 0);
    Ok(())
}

#[test]
fn what_validates_only_reads() -> Result<()> {
    let db = schema();
    MORE.set(Some(|room| room.set_seats(1)));
    let told = "a Room is being validated: what validates a record only reads";
    let error = db.record::<Room>(1).set_name("x").unwrap_err();
    assert!(
        matches!(error, Error::WriteWhileValidating { model: "Room" }) && error.to_string() == told,
        "{error}"
    );
    for write in [
        (|room| room.delete()) as fn(&Record<Room>) -> Result<()>,
        |room| room.env().create(Label::values().name("x")).map(drop),
        |room| room.env().transaction(|| Ok(())),
        |room| room.label_ids().add(&room.env().record::<Label>(1)),
        |room| room.update(rooms::seats.eq(1)),
        |room| room.env().execute(diesel::sql_query("DELETE FROM rooms")).map(drop),
    ] {
        MORE.set(Some(write));
        let error = db.record::<Room>(1).set_name("x").unwrap_err();
        assert_eq!(error.to_string(), told);
        let error = db.create(Room::values().name("x")).unwrap_err();
        assert_eq!(error.to_string(), told);
    }
    MORE.set(None);
    db.record::<Room>(1).set_name("x")?;
    assert_eq!(stored(&db).0, ["x 10", "blue 4", "green 8"]);
    Ok(())
}

#[test]
fn an_error_of_reading_is_no_opinion_of_the_record() -> Result<()> {
    let db = schema();
    MORE.set(Some(|room| {
        room.next_id().name()?;
        // What it has swallowed is the same: it is not asked whether it liked what it could not read.
        let _ = room.env().all::<Label>();
        Ok(())
    }));
    let error = db.record::<Room>(1).set_next_id(99).unwrap_err();
    assert!(error.is_missing_record() && error.invalid().is_none(), "{error}");
    let (written, sent) = db.watch(|| db.record::<Room>(1).set_name("x"));
    written?;
    assert!(sent.iter().any(|sent| sent.table() == "labels"), "{sent:?}");
    Ok(())
}

#[test]
fn after_a_panic_what_waited_waits() -> Result<()> {
    let db = schema();
    db.transaction(|| {
        let room = db.record::<Room>(1);
        room.set_name("x")?;
        MORE.set(Some(|room| {
            room.env().all::<Label>()?;
            panic!("as if")
        }));
        assert!(catch_unwind(AssertUnwindSafe(|| db.flush())).is_err());
        MORE.set(None);
        assert_eq!((db.stats().dirty, room.name()?), (1, "x".into()));
        assert_eq!(stored(&db).0[0], "red 10");
        Ok(())
    })?;
    assert_eq!(stored(&db).0[0], "x 10");
    Ok(())
}

#[test]
fn what_the_database_refuses_when_it_is_sent_before_is_refused_as_ever() -> Result<()> {
    let db = schema();
    db.file.run("CREATE UNIQUE INDEX days ON bookings (room_id, begins)");
    let before = stored(&db);
    let bookings = db.all::<Booking>()?;
    let refused = db.transaction(|| {
        bookings.get(1).expect("two").write(Booking::values().begins(1))?;
        let error = db.flush().unwrap_err();
        assert!(error.violation().is_some() && error.invalid().is_none(), "{error}");
        // Nothing of this transaction is committed, whatever is done about it.
        bookings.get(1).expect("two").set_begins(6)?;
        assert_eq!(db.flush().unwrap_err().to_string(), error.to_string());
        Ok(())
    });
    assert!(refused.is_err_and(|error| error.violation().is_some()));
    assert_eq!((stored(&db), bookings.begins()?), (before, vec![1, 6, 1, 6]));
    Ok(())
}

#[test]
fn it_is_the_model_that_wrote_a_record_that_validates_it() -> Result<()> {
    let db = schema();
    let (party, booking) = (db.record::<Party>(1), db.record::<Booking>(1));
    booking.ends()?;
    // Overlaps the next one, which is nothing to this model
    party.set_ends(6)?;
    assert_eq!(booking.ends()?, 6);
    assert!(booking.set_ends(7).is_err_and(|error| error.invalid().is_some()));
    let refused = db.transaction(|| {
        party.set_seats(2)?;
        booking.set_begins(2)
    });
    assert!(refused.is_err_and(|error| matches!(error, Error::Invalid { model: "Booking", .. })));
    let refused = db.transaction(|| {
        party.set_seats(11)?;
        booking.set_ends(5)
    });
    assert!(refused.is_err_and(|error| matches!(error, Error::Invalid { model: "Party", .. })));
    Ok(())
}
