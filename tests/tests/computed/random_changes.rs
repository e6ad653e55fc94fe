//! Random changes of every kind, in and out of transactions that are committed or fail: after each step every computed value is
//! what it is computed from, and none was computed anew whose inputs are as they were.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashSet};

use orm_core::prelude::*;
use orm_core::{Error, Result};
use orm_tests::TestDb;
use orm_tests::computed::*;
use proptest::prelude::*;

const CONTACTS: i32 = 8;
const COUNTRIES: i32 = 3;
const LABELS: i32 = 3;

#[derive(Debug, Clone)]
enum Step {
    ContactName(i32, u8),
    ContactCountry(i32, Option<i32>),
    /// Under one with a lower number, so that there are no cycles
    ContactParent(i32, i32),
    CountryName(i32, u8),
    LabelName(i32, u8),
    Amount(usize, i64),
    State(usize, bool),
    Move(usize, i32),
    Create(i32, i64, bool),
    CreateInList(i32, i64),
    Delete(usize),
    AddLabel(i32, i32),
    AddContact(i32, i32),
    RemoveLabel(i32, i32),
    SetLabels(i32, Vec<i32>),
    /// Several contacts at once
    AllNames(i32, u8),
    /// Within a transaction; `false`: that fails
    Transaction(Vec<Step>, bool),
    /// Of these it is not known what they make missing.
    Invalidate(i32),
    InvalidateField(u8),
    Refresh(i32),
    Clear,
    Flush,
}

fn step() -> impl Strategy<Value = Step> {
    let contact = || 1..=CONTACTS;
    let leaf = prop_oneof![
        (contact(), 0..3u8).prop_map(|(id, name)| Step::ContactName(id, name)),
        (contact(), prop::option::of(1..=COUNTRIES))
            .prop_map(|(id, country)| Step::ContactCountry(id, country)),
        (2..=CONTACTS, 0..CONTACTS).prop_map(|(id, parent)| Step::ContactParent(id, parent % id)),
        (1..=COUNTRIES, 0..3u8).prop_map(|(id, name)| Step::CountryName(id, name)),
        (1..=LABELS, 0..3u8).prop_map(|(id, name)| Step::LabelName(id, name)),
        (any::<usize>(), 0..3i64).prop_map(|(at, amount)| Step::Amount(at, amount)),
        (any::<usize>(), any::<bool>()).prop_map(|(at, open)| Step::State(at, open)),
        (any::<usize>(), contact()).prop_map(|(at, contact)| Step::Move(at, contact)),
        (contact(), 0..3i64, any::<bool>()).prop_map(|(id, amount, open)| Step::Create(id, amount, open)),
        (contact(), 0..3i64).prop_map(|(id, amount)| Step::CreateInList(id, amount)),
        any::<usize>().prop_map(Step::Delete),
        (contact(), 1..=LABELS).prop_map(|(id, label)| Step::AddLabel(id, label)),
        (contact(), 1..=LABELS).prop_map(|(id, label)| Step::AddContact(id, label)),
        (contact(), 1..=LABELS).prop_map(|(id, label)| Step::RemoveLabel(id, label)),
        (contact(), prop::collection::vec(1..=LABELS, 0..3)).prop_map(|(id, all)| Step::SetLabels(id, all)),
        (contact(), 0..3u8).prop_map(|(id, name)| Step::AllNames(id, name)),
        contact().prop_map(Step::Invalidate),
        (0..7u8).prop_map(Step::InvalidateField),
        contact().prop_map(Step::Refresh),
        Just(Step::Clear),
        Just(Step::Flush),
    ];
    leaf.prop_recursive(2, 12, 4, |inner| {
        (prop::collection::vec(inner, 0..4), any::<bool>())
            .prop_map(|(steps, commits)| Step::Transaction(steps, commits))
    })
}

/// What the rows are
#[derive(Debug, Clone)]
struct World {
    /// Name, country and parent
    contacts: BTreeMap<i32, (String, Option<i32>, Option<i32>)>,
    countries: BTreeMap<i32, String>,
    labels: BTreeMap<i32, String>,
    /// Contact, amount and whether it is open
    invoices: BTreeMap<i32, (i32, i64, bool)>,
    pairs: BTreeSet<(i32, i32)>,
}

/// A computed field of a record
type Computed = (&'static str, i32);

impl World {
    fn new() -> Self {
        let ids = || 1..=CONTACTS;
        let contact = |id: i32| (id, (format!("c{id}"), Some(1 + id % 2), (id > 1).then_some(id / 2)));
        let invoice =
            |id: i32| [(2 * id - 1, (id, id.into(), true)), (2 * id, (id, 10 * i64::from(id), false))];
        Self {
            contacts: ids().map(contact).collect(),
            countries: [(1, "Belgium"), (2, "France"), (3, "Empty")]
                .map(|(id, name)| (id, name.into()))
                .into(),
            labels: [(1, "red"), (2, "green"), (3, "blue")].map(|(id, name)| (id, name.into())).into(),
            invoices: ids().flat_map(invoice).collect(),
            pairs: ids().map(|id| (id, 1 + id % 2)).collect(),
        }
    }

    fn invoice(&self, at: usize) -> Option<i32> {
        let len = self.invoices.len();
        self.invoices.keys().nth(at.checked_rem(len)?).copied()
    }

    fn of(&self, contact: i32) -> impl Iterator<Item = (i32, i64, bool)> + '_ {
        let own = self.invoices.iter().filter(move |(_, invoice)| invoice.0 == contact);
        own.map(|(&id, &(_, amount, open))| (id, amount, open))
    }

    /// All values, and all that each follows from
    fn computed(&self) -> BTreeMap<Computed, (String, String)> {
        let mut all = BTreeMap::new();
        for (&id, (name, country, parent)) in &self.contacts {
            let country_name = country.map(|id| &self.countries[&id]);
            let shown = country_name.map_or_else(|| name.clone(), |country| format!("{name} ({country})"));
            all.insert(("display_name", id), (shown, format!("{name} {country:?} {country_name:?}")));
            let (mut full, mut from, mut next) = (name.clone(), format!("{name} {parent:?}"), *parent);
            while let Some(parent) = next {
                let (name, _, above) = &self.contacts[&parent];
                full = format!("{name} / {full}");
                from = format!("{from} {name} {above:?}");
                next = *above;
            }
            all.insert(("full_name", id), (full, from));
            let total: i64 = self.of(id).map(|(_, amount, _)| amount).sum();
            let amounts: Vec<_> = self.of(id).map(|(id, amount, _)| (id, amount)).collect();
            all.insert(("total", id), (total.to_string(), format!("{amounts:?}")));
            let members: Vec<i32> = amounts.iter().map(|&(id, _)| id).collect();
            all.insert(("invoice_count", id), (members.len().to_string(), format!("{members:?}")));
            let own = self.pairs.iter().filter(|pair| pair.0 == id);
            let labels: Vec<(i32, &String)> = own.map(|&(_, label)| (label, &self.labels[&label])).collect();
            let mut names: Vec<&str> = labels.iter().map(|(_, name)| name.as_str()).collect();
            names.sort_unstable();
            all.insert(("label_names", id), (names.join(", "), format!("{labels:?}")));
            let best = labels.iter().min_by_key(|(label, name)| (*name, *label));
            let (best, best_name) = best.map(|&(label, name)| (label, name.clone())).unzip();
            all.insert(("best_label", id), (format!("{best:?}"), format!("{labels:?}")));
            all.insert(("best_label_name", id), (format!("{best_name:?}"), format!("{labels:?}")));
            // Those above have been looked at: they have lower numbers.
            let (head, from) = match parent {
                Some(parent) => all[&("head", *parent)].clone(),
                None => (id.to_string(), String::new()),
            };
            all.insert(("head", id), (head, format!("{parent:?} {from}")));
        }
        for &id in self.contacts.keys() {
            let (head, from) = all[&("head", id)].clone();
            let head: i32 = head.parse().unwrap();
            let country = format!("{:?}", self.contacts[&head].1);
            all.insert(("head_country", id), (country.clone(), format!("{head} {from} {country}")));
            let shown = &all[&("display_name", head)];
            all.insert(
                ("head_shown", id),
                (format!("under {}", shown.0), format!("{head} {from} {shown:?}")),
            );
        }
        for &id in self.countries.keys() {
            let own =
                || self.contacts.iter().filter(move |(_, contact)| contact.1 == Some(id)).map(|(&id, _)| id);
            let totals: Vec<_> = own().map(|id| (id, all[&("total", id)].clone())).collect();
            let largest = totals.iter().map(|(_, (total, _))| total.parse::<i64>().unwrap()).max();
            all.insert(("largest", id), (format!("{largest:?}"), format!("{totals:?}")));
            let most = |(_, (total, _)): &&(i32, (String, String))| total.parse::<i64>().ok() == largest;
            let champion = totals.iter().find(most).map(|(id, _)| *id);
            all.insert(("champion", id), (format!("{champion:?}"), format!("{totals:?}")));
        }
        for (&id, (_, country, _)) in &self.contacts {
            let champion = country.map(|country| {
                let of = self.contacts.iter().filter(|(_, contact)| contact.1 == Some(country));
                let total = |id: i32| all[&("total", id)].0.parse::<i64>().unwrap();
                let best = of.rev().max_by_key(|(id, _)| total(**id)).map(|(&id, _)| id).unwrap();
                let head = &all[&("head", best)];
                let name = &self.contacts[&head.0.parse().unwrap()].0;
                (name.clone(), format!("{:?} {head:?} {name}", all[&("champion", country)]))
            });
            let (name, from) = champion.unzip();
            all.insert(("rival", id), (text(name), format!("{country:?} {from:?}")));
        }
        all
    }
}

fn text<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

struct Run {
    db: TestDb,
    world: RefCell<World>,
    /// What was changed of what these follow from since they were last read
    changed: RefCell<HashSet<Computed>>,
    /// Whether something was made missing of which it is not known what follows from it
    is_unknown: RefCell<bool>,
}

impl Run {
    fn new() -> Self {
        let run = Self {
            db: contacts(CONTACTS as usize),
            world: RefCell::new(World::new()),
            changed: RefCell::default(),
            is_unknown: RefCell::new(true),
        };
        run.check();
        run
    }

    /// Changes the world, and notes what follows from what was changed.
    fn change<R>(&self, change: impl FnOnce(&mut World) -> R) {
        let before = self.world.borrow().computed();
        let _ = change(&mut self.world.borrow_mut());
        self.note(&before);
    }

    fn note(&self, before: &BTreeMap<Computed, (String, String)>) {
        let after = self.world.borrow().computed();
        let differs = |key: &Computed| before.get(key) != after.get(key);
        self.changed.borrow_mut().extend(after.keys().copied().filter(differs));
    }

    fn take(&self, step: &Step) -> Result<()> {
        let db = &self.db;
        let contact = |id: i32| db.record::<Contact>(id);
        match *step {
            Step::ContactName(id, name) => {
                contact(id).set_name(name.to_string())?;
                self.change(|world| world.contacts.get_mut(&id).unwrap().0 = name.to_string());
            }
            Step::ContactCountry(id, country) => {
                contact(id).set_country_id(country.map(Id::new))?;
                self.change(|world| world.contacts.get_mut(&id).unwrap().1 = country);
            }
            Step::ContactParent(id, parent) => {
                let parent = (parent > 0).then_some(parent);
                contact(id).set_parent_id(parent.map(Id::new))?;
                self.change(|world| world.contacts.get_mut(&id).unwrap().2 = parent);
            }
            Step::CountryName(id, name) => {
                db.record::<Country>(id).set_name(name.to_string())?;
                self.change(|world| world.countries.insert(id, name.to_string()));
            }
            Step::LabelName(id, name) => {
                db.record::<Label>(id).set_name(name.to_string())?;
                self.change(|world| world.labels.insert(id, name.to_string()));
            }
            Step::Amount(at, amount) => {
                let Some(id) = self.world.borrow().invoice(at) else { return Ok(()) };
                db.record::<Invoice>(id).set_amount(amount)?;
                self.change(|world| world.invoices.get_mut(&id).unwrap().1 = amount);
            }
            Step::State(at, open) => {
                let Some(id) = self.world.borrow().invoice(at) else { return Ok(()) };
                db.record::<Invoice>(id).set_state(if open { "open" } else { "paid" })?;
                self.change(|world| world.invoices.get_mut(&id).unwrap().2 = open);
            }
            Step::Move(at, to) => {
                let Some(id) = self.world.borrow().invoice(at) else { return Ok(()) };
                db.record::<Invoice>(id).set_contact_id(to)?;
                self.change(|world| world.invoices.get_mut(&id).unwrap().0 = to);
            }
            Step::Create(to, amount, open) => {
                let state = if open { "open" } else { "paid" };
                let id = db.create(Invoice::values().contact_id(to).amount(amount).state(state))?.id();
                self.change(|world| world.invoices.insert(id, (to, amount, open)));
            }
            Step::CreateInList(to, amount) => {
                let id =
                    contact(to).invoice_ids().create(Invoice::values().amount(amount).state("open"))?.id();
                self.change(|world| world.invoices.insert(id, (to, amount, true)));
            }
            Step::Delete(at) => {
                let Some(id) = self.world.borrow().invoice(at) else { return Ok(()) };
                db.record::<Invoice>(id).delete()?;
                self.change(|world| world.invoices.remove(&id));
            }
            Step::AddLabel(id, label) => {
                contact(id).label_ids().add(&db.record::<Label>(label))?;
                self.change(|world| world.pairs.insert((id, label)));
            }
            Step::AddContact(id, label) => {
                contact(id).label_ids().add(&db.browse::<Label>([label]))?;
                self.change(|world| world.pairs.insert((id, label)));
            }
            Step::RemoveLabel(id, label) => {
                contact(id).label_ids().remove(&db.record::<Label>(label))?;
                self.change(|world| world.pairs.remove(&(id, label)));
            }
            Step::SetLabels(id, ref labels) => {
                contact(id).label_ids().set(&db.browse::<Label>(labels.iter().copied()))?;
                self.change(|world| {
                    world.pairs.retain(|pair| pair.0 != id);
                    world.pairs.extend(labels.iter().map(|&label| (id, label)));
                });
            }
            Step::AllNames(to, name) => {
                db.browse::<Contact>(1..=to).write(Contact::values().name(name.to_string()))?;
                self.change(|world| {
                    world.contacts.range_mut(..=to).for_each(|(_, contact)| contact.0 = name.to_string());
                });
            }
            Step::Transaction(ref steps, commits) => {
                let before = self.world.borrow().clone();
                let result: Result<()> = db.transaction(|| {
                    for step in steps {
                        self.take(step)?;
                        self.check();
                    }
                    if commits { Ok(()) } else { Err(Error::other("undone")) }
                });
                if result.is_err() {
                    let undone = self.world.replace(before).computed();
                    self.note(&undone);
                    // What was loaded meanwhile is missing, and what follows from it.
                    self.is_unknown.replace(true);
                }
            }
            Step::Invalidate(id) => {
                db.cache().invalidate(Contact::NAME, [id]);
                db.cache().invalidate(Contact::INVOICE_IDS, [id]);
                self.is_unknown.replace(true);
            }
            Step::InvalidateField(field) => {
                match field {
                    0 => db.cache().invalidate_field(Country::NAME),
                    1 => db.cache().invalidate_field(Contact::PARENT_ID),
                    2 => db.cache().invalidate_field(Contact::TOTAL),
                    3 => db.cache().invalidate_field(Contact::HEAD),
                    4 => db.cache().invalidate_field(Contact::BEST_LABEL),
                    5 => db.cache().invalidate_field(Country::CHAMPION),
                    _ => db.cache().invalidate_field(Contact::LABEL_IDS),
                }
                self.is_unknown.replace(true);
            }
            Step::Refresh(id) => {
                contact(id).refresh()?;
                self.is_unknown.replace(true);
            }
            Step::Clear => {
                db.cache().clear();
                self.is_unknown.replace(true);
            }
            Step::Flush => db.flush()?,
        }
        Ok(())
    }

    /// Every computed value is what it should be, and only those were computed anew that follow from what was changed.
    fn check(&self) {
        calls();
        let wanted = self.world.borrow().computed();
        let contacts = self.db.browse::<Contact>(1..=CONTACTS);
        let mut found = BTreeMap::new();
        for contact in &contacts {
            let id = contact.id();
            found.insert(("display_name", id), contact.display_name().unwrap().to_string());
            found.insert(("full_name", id), contact.full_name().unwrap().to_string());
            found.insert(("total", id), contact.total().unwrap().to_string());
            found.insert(("invoice_count", id), contact.invoice_count().unwrap().to_string());
            found.insert(("label_names", id), text(contact.label_names().unwrap()));
            found.insert(("head", id), contact.head().id().unwrap().to_string());
            found.insert(("best_label", id), format!("{:?}", contact.best_label().id().unwrap()));
            let name = contact.best_label_name().unwrap().map(String::from);
            found.insert(("best_label_name", id), format!("{name:?}"));
            // Followed and not looked up: the name stands behind it.
            assert_eq!(contact.best_label().name().unwrap().map(String::from), name);
            found.insert(("head_country", id), format!("{:?}", contact.head_country().id().unwrap()));
            found.insert(("head_shown", id), contact.head_shown().unwrap().to_string());
            found.insert(("rival", id), text(contact.rival().unwrap()));
        }
        for country in &self.db.browse::<Country>(1..=COUNTRIES) {
            found.insert(("largest", country.id()), format!("{:?}", country.largest().unwrap()));
            found.insert(("champion", country.id()), format!("{:?}", country.champion().id().unwrap()));
        }
        let changed = std::mem::take(&mut *self.changed.borrow_mut());
        for (key, value) in &found {
            assert_eq!(value, &wanted[key].0, "{key:?}");
        }
        let (made, is_unknown) = (calls(), self.is_unknown.replace(false));
        assert!(is_unknown || made <= changed.len(), "{made} were computed, of which {changed:?} had to be");
        // What was searched for all at once
        let open: Vec<i64> = contacts.open_count().unwrap();
        let world = self.world.borrow();
        let open_of = |&id: &i32| world.of(id).filter(|invoice| invoice.2).count() as i64;
        assert_eq!(open, world.contacts.keys().map(open_of).collect::<Vec<_>>());
    }
}

proptest! {
    // 128 cases of up to 40 steps; `PROPTEST_CASES` says otherwise.
    #![proptest_config(ProptestConfig {
        cases: ProptestConfig::default().cases / 2,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn every_computed_value_is_what_it_follows_from(steps in prop::collection::vec(step(), 1..40)) {
        let run = Run::new();
        for step in &steps {
            if let Err(error) = run.take(step) {
                prop_assert!(false, "{step:?}: {error}");
            }
            run.check();
        }
    }
}
