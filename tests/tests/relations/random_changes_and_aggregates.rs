//! Random changes of every kind, in and out of transactions that are committed or fail: after each step each aggregate is what
//! the rows say, whether it was kept, added up here or asked for; and so is each list that has a filter or an order.
#![allow(clippy::unwrap_used)]

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use diesel::prelude::*;
use orm_core::aggregate::{avg, count, count_where, max, min, sum};
use orm_core::{Error, Record, Result};
use orm_tests::TestDb;
use orm_tests::computed::*;
use proptest::prelude::*;

const CONTACTS: i32 = 6;
const LABELS: i32 = 3;

#[derive(Debug, Clone)]
enum Step {
    Amount(usize, i64),
    State(usize, bool),
    AllAmounts(i64),
    Move(usize, i32),
    Create(i32, i64, bool),
    CreateInList(i32, i64),
    Delete(usize),
    LabelName(i32, u8),
    AddLabel(i32, i32),
    AddContact(i32, i32),
    RemoveLabel(i32, i32),
    SetLabels(i32, Vec<i32>),
    Transaction(Vec<Step>, bool),
    /// What is cached besides decides by which way an aggregate is found.
    ReadLists(i32),
    ReadInvoices,
    /// One aggregate of some contacts, before whatever comes next
    ReadSome(i32, u8),
    Invalidate(u8, i32),
    InvalidateField(u8),
    Refresh(usize),
    Touch,
    Clear,
    Flush,
}

fn step() -> impl Strategy<Value = Step> {
    let contact = || 1..=CONTACTS;
    let changes = prop_oneof![
        (any::<usize>(), -3..4i64).prop_map(|(at, amount)| Step::Amount(at, amount)),
        (any::<usize>(), any::<bool>()).prop_map(|(at, open)| Step::State(at, open)),
        (-3..4i64).prop_map(Step::AllAmounts),
        (any::<usize>(), contact()).prop_map(|(at, contact)| Step::Move(at, contact)),
        (contact(), -3..4i64, any::<bool>()).prop_map(|(id, amount, open)| Step::Create(id, amount, open)),
        (contact(), -3..4i64).prop_map(|(id, amount)| Step::CreateInList(id, amount)),
        any::<usize>().prop_map(Step::Delete),
        (1..=LABELS, 0..3u8).prop_map(|(id, name)| Step::LabelName(id, name)),
        (contact(), 1..=LABELS).prop_map(|(id, label)| Step::AddLabel(id, label)),
        (contact(), 1..=LABELS).prop_map(|(id, label)| Step::AddContact(id, label)),
        (contact(), 1..=LABELS).prop_map(|(id, label)| Step::RemoveLabel(id, label)),
        (contact(), prop::collection::vec(1..=LABELS, 0..3)).prop_map(|(id, all)| Step::SetLabels(id, all)),
    ];
    let looks = prop_oneof![
        contact().prop_map(Step::ReadLists),
        Just(Step::ReadInvoices),
        (contact(), 0..7u8).prop_map(|(id, what)| Step::ReadSome(id, what)),
        (0..4u8, contact()).prop_map(|(what, id)| Step::Invalidate(what, id)),
        (0..5u8).prop_map(Step::InvalidateField),
        any::<usize>().prop_map(Step::Refresh),
        Just(Step::Touch),
        Just(Step::Clear),
        Just(Step::Flush),
    ];
    let leaf = prop_oneof![3 => changes, 2 => looks];
    leaf.prop_recursive(2, 12, 4, |inner| {
        (prop::collection::vec(inner, 0..4), any::<bool>())
            .prop_map(|(steps, commits)| Step::Transaction(steps, commits))
    })
}

/// What the rows are
#[derive(Debug, Clone)]
struct World {
    labels: BTreeMap<i32, String>,
    /// Contact, amount and whether it is open
    invoices: BTreeMap<i32, (i32, i64, bool)>,
    pairs: BTreeSet<(i32, i32)>,
}

impl World {
    fn new() -> Self {
        let invoice =
            |id: i32| [(2 * id - 1, (id, id.into(), true)), (2 * id, (id, 10 * i64::from(id), false))];
        Self {
            labels: [(1, "red"), (2, "green"), (3, "blue")].map(|(id, name)| (id, name.into())).into(),
            invoices: (1..=CONTACTS).flat_map(invoice).collect(),
            pairs: (1..=CONTACTS).map(|id| (id, 1 + id % 2)).collect(),
        }
    }

    fn invoice(&self, at: usize) -> Option<i32> {
        let len = self.invoices.len();
        self.invoices.keys().nth(at.checked_rem(len)?).copied()
    }

    /// Amounts, and whether they are open
    fn of(&self, contact: i32) -> Vec<(i64, bool)> {
        let own = self.invoices.values().filter(|invoice| invoice.0 == contact);
        own.map(|&(_, amount, open)| (amount, open)).collect()
    }
}

struct Run {
    db: TestDb,
    world: RefCell<World>,
}

impl Run {
    fn take(&self, step: &Step) -> Result<()> {
        let db = &self.db;
        let contact = |id: i32| db.record::<Contact>(id);
        let picked = |at: usize| self.world.borrow().invoice(at);
        let change = |change: &mut dyn FnMut(&mut World)| change(&mut self.world.borrow_mut());
        match *step {
            Step::Amount(at, amount) => {
                let Some(id) = picked(at) else { return Ok(()) };
                db.record::<Invoice>(id).set_amount(amount)?;
                change(&mut |world| world.invoices.get_mut(&id).unwrap().1 = amount);
            }
            Step::State(at, open) => {
                let Some(id) = picked(at) else { return Ok(()) };
                db.record::<Invoice>(id).set_state(if open { "open" } else { "paid" })?;
                change(&mut |world| world.invoices.get_mut(&id).unwrap().2 = open);
            }
            Step::AllAmounts(amount) => {
                let ids: Vec<i32> = self.world.borrow().invoices.keys().copied().collect();
                db.browse::<Invoice>(ids).write(Invoice::values().amount(amount))?;
                change(&mut |world| world.invoices.values_mut().for_each(|invoice| invoice.1 = amount));
            }
            Step::Move(at, to) => {
                let Some(id) = picked(at) else { return Ok(()) };
                db.record::<Invoice>(id).set_contact_id(to)?;
                change(&mut |world| world.invoices.get_mut(&id).unwrap().0 = to);
            }
            Step::Create(to, amount, open) => {
                let state = if open { "open" } else { "paid" };
                let id = db.create(Invoice::values().contact_id(to).amount(amount).state(state))?.id();
                change(&mut |world| {
                    let _ = world.invoices.insert(id, (to, amount, open));
                });
            }
            Step::CreateInList(to, amount) => {
                let values = Invoice::values().amount(amount).state("open");
                let id = contact(to).invoice_ids().create(values)?.id();
                change(&mut |world| {
                    let _ = world.invoices.insert(id, (to, amount, true));
                });
            }
            Step::Delete(at) => {
                let Some(id) = picked(at) else { return Ok(()) };
                db.record::<Invoice>(id).delete()?;
                change(&mut |world| {
                    let _ = world.invoices.remove(&id);
                });
            }
            Step::LabelName(id, name) => {
                db.record::<Label>(id).set_name(name.to_string())?;
                change(&mut |world| {
                    let _ = world.labels.insert(id, name.to_string());
                });
            }
            Step::AddLabel(id, label) => {
                contact(id).label_ids().add(&db.record::<Label>(label))?;
                change(&mut |world| {
                    let _ = world.pairs.insert((id, label));
                });
            }
            Step::AddContact(id, label) => {
                contact(id).label_ids().add(&db.browse::<Label>([label]))?;
                change(&mut |world| {
                    let _ = world.pairs.insert((id, label));
                });
            }
            Step::RemoveLabel(id, label) => {
                contact(id).label_ids().remove(&db.record::<Label>(label))?;
                change(&mut |world| {
                    let _ = world.pairs.remove(&(id, label));
                });
            }
            Step::SetLabels(id, ref labels) => {
                contact(id).label_ids().set(&db.browse::<Label>(labels.iter().copied()))?;
                change(&mut |world| {
                    world.pairs.retain(|pair| pair.0 != id);
                    world.pairs.extend(labels.iter().map(|&label| (id, label)));
                });
            }
            Step::Transaction(ref steps, commits) => {
                let before = self.world.borrow().clone();
                let result: Result<()> = db.transaction(|| {
                    for (number, step) in steps.iter().enumerate() {
                        self.take(step)?;
                        if number % 2 == 0 {
                            self.check();
                        }
                    }
                    if commits { Ok(()) } else { Err(Error::other("undone")) }
                });
                if result.is_err() {
                    self.world.replace(before);
                }
            }
            Step::ReadLists(id) => drop(contact(id).invoice_ids().amount()?),
            Step::ReadInvoices => drop(db.all::<Invoice>()?),
            Step::ReadSome(to, what) => {
                for contact in &db.browse::<Contact>(1..=to) {
                    match what {
                        0 => drop(contact.invoice_ids().sum(Invoice::AMOUNT)?),
                        6 => drop(contact.invoice_ids().aggregate((count(), avg(Invoice::AMOUNT)))?),
                        1 => drop(contact.invoice_ids().max(Invoice::STATE)?),
                        4 => drop(contact.open_ids().ids()?),
                        5 => drop((contact.smallest_ids().ids()?, contact.zero_ids().ids()?)),
                        2 => drop(contact.invoice_ids().count_where(invoices::state.eq("open"))?),
                        _ => drop(contact.label_ids().min(Label::NAME)?),
                    }
                }
            }
            Step::Invalidate(what, id) => match what {
                0 => db.cache().invalidate(Invoice::AMOUNT, [id]),
                1 => db.cache().invalidate(Invoice::CONTACT_ID, [id]),
                2 => db.cache().invalidate(Contact::INVOICE_IDS, [id]),
                _ => db.cache().invalidate(Contact::LABEL_IDS, [id]),
            },
            Step::InvalidateField(what) => match what {
                0 => db.cache().invalidate_field(Invoice::AMOUNT),
                1 => db.cache().invalidate_field(Invoice::CONTACT_ID),
                2 => db.cache().invalidate_field(Contact::INVOICE_IDS),
                3 => db.cache().invalidate_field(Label::NAME),
                _ => db.cache().invalidate_model::<Invoice>(),
            },
            Step::Refresh(at) => {
                if let Some(id) = picked(at) {
                    db.record::<Invoice>(id).refresh()?;
                }
            }
            Step::Touch => {
                let statement =
                    diesel::update(invoices::table).set(invoices::amount.eq(invoices::amount + 1));
                db.touching().model::<Invoice>().execute(statement)?;
                change(&mut |world| world.invoices.values_mut().for_each(|invoice| invoice.1 += 1));
            }
            Step::Clear => db.cache().clear(),
            Step::Flush => db.flush()?,
        }
        Ok(())
    }

    /// What the filter and the order of each list say
    fn check_lists(&self, world: &World, contact: &Record<Contact>) {
        let own = |open: bool| {
            let invoices = world.invoices.iter();
            let own = invoices.filter(move |(_, invoice)| invoice.0 == contact.id() && (!open || invoice.2));
            own.map(|(&id, invoice)| (invoice.1, id)).collect::<Vec<_>>()
        };
        let (mut open, mut all) = (own(true), own(false));
        open.sort_by_key(|&(amount, id)| (-amount, id));
        all.sort_unstable();
        let ids = |list: &[(i64, i32)]| list.iter().map(|&(_, id)| id).collect::<Vec<_>>();
        let total = open.iter().map(|&(amount, _)| amount).sum::<i64>();
        // Counted before they are listed, every other time
        if contact.id() % 2 == 0 {
            assert_eq!(contact.open_ids().len().unwrap(), open.len());
            assert_eq!(contact.open_ids().sum(Invoice::AMOUNT).unwrap(), total);
        } else if contact.id() % 3 == 0 {
            // The number comes along.
            assert_eq!(contact.open_ids().sum(Invoice::AMOUNT).unwrap(), total);
            assert_eq!(contact.open_ids().len().unwrap(), open.len());
        } else {
            let found = contact.open_ids().aggregate((count(), sum(Invoice::AMOUNT))).unwrap();
            assert_eq!(found, (open.len(), total));
        }
        assert_eq!(contact.open_ids().ids().unwrap(), ids(&open));
        assert_eq!(contact.open_total().unwrap(), total);
        assert_eq!(
            contact.open_ids().count_where(invoices::amount.gt(0)).unwrap(),
            open.iter().filter(|of| of.0 > 0).count()
        );
        assert_eq!(contact.smallest_ids().ids().unwrap(), ids(&all));
        self.check_limited(world, contact, &ids(&open));
        let pairs = world.pairs.iter().filter(|pair| pair.0 == contact.id() && world.labels[&pair.1] == "0");
        let zero: Vec<i32> = pairs.map(|pair| pair.1).collect();
        assert_eq!(
            (contact.zero_ids().len().unwrap(), contact.zero_ids().ids().unwrap()),
            (zero.len(), zero)
        );
    }

    /// The first of each list
    fn check_limited(&self, world: &World, contact: &Record<Contact>, open: &[i32]) {
        let own = world.invoices.iter().filter(|(_, invoice)| invoice.0 == contact.id());
        let first: Vec<(i32, i64)> = own.map(|(&id, invoice)| (id, invoice.1)).take(2).collect();
        let top = &open[..open.len().min(2)];
        let amount: i64 = first.iter().map(|of| of.1).sum();
        let mut labels: Vec<i32> =
            world.pairs.iter().filter(|pair| pair.0 == contact.id()).map(|pair| pair.1).collect();
        labels.sort_by_key(|id| (std::cmp::Reverse(&world.labels[id]), *id));
        labels.truncate(1);
        // Counted and added up before they are listed, for some
        if contact.id() % 3 == 0 {
            assert_eq!(contact.first_ids().len().unwrap(), first.len());
            assert_eq!(contact.first_ids().sum(Invoice::AMOUNT).unwrap(), amount);
            assert_eq!(contact.top_ids().avg(Invoice::AMOUNT).unwrap().is_some(), !top.is_empty());
            assert_eq!(contact.top_ids().len().unwrap(), top.len());
            assert_eq!(contact.last_label_ids().len().unwrap(), labels.len());
        }
        assert_eq!(contact.first_ids().ids().unwrap(), first.iter().map(|of| of.0).collect::<Vec<_>>());
        assert_eq!(contact.first_ids().sum(Invoice::AMOUNT).unwrap(), amount);
        assert_eq!(contact.top_ids().ids().unwrap(), top);
        assert_eq!(contact.last_label_ids().ids().unwrap(), labels);
    }

    /// Asked for together
    fn check_several(&self, world: &World, contact: &Record<Contact>) {
        let own = world.of(contact.id());
        let amounts = || own.iter().map(|&(amount, _)| amount);
        let wanted = (
            max(Invoice::STATE),
            count(),
            count_where(invoices::state.eq("open").and(invoices::amount.gt(0))),
            sum(Invoice::AMOUNT),
            min(Invoice::AMOUNT),
            sum(invoices::amount * invoices::amount),
        );
        let (state, number, open, total, least, squares) = contact.invoice_ids().aggregate(wanted).unwrap();
        let states = own.iter().map(|&(_, open)| if open { "open" } else { "paid" });
        assert_eq!(state.as_deref(), states.max());
        assert_eq!((number, total, least), (own.len(), amounts().sum(), amounts().min()));
        assert_eq!(open, own.iter().filter(|(amount, open)| *open && *amount > 0).count());
        assert_eq!(squares, amounts().map(|amount| amount * amount).sum::<i64>());
        let pairs = world.pairs.iter().filter(|pair| pair.0 == contact.id());
        let labels: Vec<&str> = pairs.map(|pair| &*world.labels[&pair.1]).collect();
        let wanted = (count(), count_where(labels::name.eq("0")), max(Label::NAME));
        let (number, named, last) = contact.label_ids().aggregate(wanted).unwrap();
        let zeros = labels.iter().filter(|name| **name == "0").count();
        assert_eq!((number, named), (labels.len(), zeros));
        assert_eq!(last.as_deref(), labels.iter().max().copied());
    }

    fn check(&self) {
        let (world, contacts) = (self.world.borrow(), self.db.browse::<Contact>(1..=CONTACTS));
        let mean = |amounts: &[i64]| {
            (!amounts.is_empty()).then(|| amounts.iter().sum::<i64>() as f64 / amounts.len() as f64)
        };
        for contact in &contacts {
            let (own, list) = (world.of(contact.id()), contact.invoice_ids());
            let amounts: Vec<i64> = own.iter().map(|&(amount, _)| amount).collect();
            if contact.id() % 2 == 0 {
                self.check_several(&world, &contact);
            }
            assert_eq!(list.sum(Invoice::AMOUNT).unwrap(), amounts.iter().sum::<i64>());
            assert_eq!(list.avg(Invoice::AMOUNT).unwrap(), mean(&amounts));
            assert_eq!(list.min(Invoice::AMOUNT).unwrap(), amounts.iter().min().copied());
            assert_eq!(list.max(Invoice::AMOUNT).unwrap(), amounts.iter().max().copied());
            let states = own.iter().map(|&(_, open)| if open { "open" } else { "paid" });
            assert_eq!(list.max(Invoice::STATE).unwrap().as_deref(), states.max());
            let squares = amounts.iter().map(|amount| amount * amount).sum::<i64>();
            assert_eq!(list.sum(invoices::amount * invoices::amount).unwrap(), squares);
            let open = own.iter().filter(|(amount, open)| *open && *amount > 0).count();
            let condition = invoices::state.eq("open").and(invoices::amount.gt(0));
            assert_eq!(list.count_where(condition).unwrap(), open);
            let labels =
                world.pairs.iter().filter(|pair| pair.0 == contact.id()).map(|pair| &world.labels[&pair.1]);
            assert_eq!(
                contact.label_ids().min(Label::NAME).unwrap().as_deref(),
                labels.clone().min().map(|name| &**name)
            );
            let named = labels.filter(|name| **name == "0").count();
            assert_eq!(contact.label_ids().count_where(labels::name.eq("0")).unwrap(), named);
            self.check_lists(&world, &contact);
        }
        let total: i64 = world.invoices.values().map(|invoice| invoice.1).sum();
        assert_eq!(contacts.invoice_ids().sum(Invoice::AMOUNT).unwrap(), total);
        for label in &self.db.browse::<Label>(1..=LABELS) {
            let of_label: BTreeSet<i32> =
                world.pairs.iter().filter(|pair| pair.1 == label.id()).map(|pair| pair.0).collect();
            let amounts: Vec<i64> = world
                .invoices
                .values()
                .filter(|invoice| of_label.contains(&invoice.0))
                .map(|i| i.1)
                .collect();
            let of_all = self.db.browse::<Contact>(of_label).invoice_ids();
            assert_eq!(of_all.avg(Invoice::AMOUNT).unwrap(), mean(&amounts));
        }
    }
}

proptest! {
    // 64 cases of up to 40 steps; `PROPTEST_CASES` says otherwise.
    #![proptest_config(ProptestConfig {
        cases: ProptestConfig::default().cases / 4,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn every_aggregate_is_what_the_rows_say(steps in prop::collection::vec((step(), any::<bool>()), 1..40)) {
        let run = Run { db: contacts(CONTACTS as usize), world: RefCell::new(World::new()) };
        for (step, checks) in &steps {
            if let Err(error) = run.take(step) {
                prop_assert!(false, "{step:?}: {error}");
            }
            if *checks {
                run.check();
            }
        }
        run.check();
        // The database has come to the same.
        let sql = "SELECT CAST(coalesce(sum(amount), 0) AS TEXT) AS value FROM invoices";
        let total: i64 = run.world.borrow().invoices.values().map(|invoice| invoice.1).sum();
        prop_assert_eq!(run.db.file.values(sql), vec![total.to_string()]);
    }
}
