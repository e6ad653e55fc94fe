//! Random changes of every kind, in and out of transactions that are committed or fail: whatever was committed, what is stored is what it
//! is computed from; and before that it is read so.

use std::cell::RefCell;

use diesel::prelude::*;
use orm_core::prelude::*;
use orm_core::{Error, Result};
use orm_tests::TestDb;
use proptest::prelude::*;

use super::models::*;

const ORDERS: i32 = 5;
const CUSTOMERS: i32 = 4;
const TAGS: i32 = 3;

#[derive(Debug, Clone)]
enum Step {
    Price(usize, i64),
    SlimPrice(usize, i64),
    Shipping(i32, i64),
    Rate(i32, i64),
    Rates(i64),
    Weight(i32, i64),
    Note(i32),
    Move(usize, i32),
    MoveSlim(usize, i32),
    MoveAssigned(usize, i32),
    Assign(usize, i64),
    Upsert(usize, i32, i64),
    OrderOf(i32, Option<i32>),
    /// Under one with a lower number, so that there is no circle
    Under(i32, i32),
    Create(i32, i64),
    CreateInList(i32, i64),
    CreateOrder(Option<i32>, i64),
    Delete(usize),
    DeleteOrder(usize),
    AddTag(i32, i32),
    RemoveTag(i32, i32),
    SetTags(i32, Vec<i32>),
    Pair(i32, i32),
    Read(i32),
    ReadBalance(i32),
    Sum(i32),
    Search(i64),
    /// Within a transaction; `false`: that fails
    Transaction(Vec<Step>, bool),
    Invalidate(i32),
    Clear,
    Flush,
}

fn step() -> impl Strategy<Value = Step> {
    let (order, customer, tag) = (|| 1..=ORDERS, || 1..=CUSTOMERS, || 1..=TAGS);
    let leaf = prop_oneof![
        (any::<usize>(), 0..4i64).prop_map(|(at, price)| Step::Price(at, price)),
        (any::<usize>(), 0..4i64).prop_map(|(at, price)| Step::SlimPrice(at, price)),
        (order(), 0..4i64).prop_map(|(id, shipping)| Step::Shipping(id, shipping)),
        (customer(), 0..4i64).prop_map(|(id, rate)| Step::Rate(id, rate)),
        (0..4i64).prop_map(Step::Rates),
        (tag(), 0..4i64).prop_map(|(id, weight)| Step::Weight(id, weight)),
        order().prop_map(Step::Note),
        (any::<usize>(), order()).prop_map(|(at, order)| Step::Move(at, order)),
        (any::<usize>(), order()).prop_map(|(at, order)| Step::MoveSlim(at, order)),
        (any::<usize>(), order()).prop_map(|(at, order)| Step::MoveAssigned(at, order)),
        (any::<usize>(), 0..4i64).prop_map(|(at, price)| Step::Assign(at, price)),
        (any::<usize>(), order(), 0..4i64).prop_map(|(at, order, price)| Step::Upsert(at, order, price)),
        (order(), prop::option::of(customer())).prop_map(|(id, customer)| Step::OrderOf(id, customer)),
        (2..=CUSTOMERS, 0..CUSTOMERS).prop_map(|(id, parent)| Step::Under(id, parent % id)),
        (order(), 0..4i64).prop_map(|(order, price)| Step::Create(order, price)),
        (order(), 0..4i64).prop_map(|(order, price)| Step::CreateInList(order, price)),
        (prop::option::of(customer()), 0..4i64)
            .prop_map(|(customer, shipping)| Step::CreateOrder(customer, shipping)),
        any::<usize>().prop_map(Step::Delete),
        any::<usize>().prop_map(Step::DeleteOrder),
        (order(), tag()).prop_map(|(id, tag)| Step::AddTag(id, tag)),
        (order(), tag()).prop_map(|(id, tag)| Step::RemoveTag(id, tag)),
        (order(), prop::collection::vec(tag(), 0..3)).prop_map(|(id, tags)| Step::SetTags(id, tags)),
        (order(), tag()).prop_map(|(id, tag)| Step::Pair(id, tag)),
        order().prop_map(Step::Read),
        customer().prop_map(Step::ReadBalance),
        customer().prop_map(Step::Sum),
        (0..20i64).prop_map(Step::Search),
        order().prop_map(Step::Invalidate),
        Just(Step::Clear),
        Just(Step::Flush),
    ];
    leaf.prop_recursive(2, 16, 5, |inner| {
        (prop::collection::vec(inner, 0..6), any::<bool>())
            .prop_map(|(steps, commits)| Step::Transaction(steps, commits))
    })
}

/// The keys of the rows that may come and go
#[derive(Debug, Clone)]
struct Ids {
    lines: Vec<i32>,
    /// Those that were created
    orders: Vec<i32>,
}

fn at(ids: &[i32], at: usize) -> Option<i32> {
    ids.get(at.checked_rem(ids.len())?).copied()
}

fn total_of(order: &Record<Order>) -> Result<i64> {
    let mut sum = order.shipping()?;
    for line in &order.line_ids().load()? {
        sum += line.price()? * line.quantity()?;
    }
    Ok(sum * order.customer_id().rate()?.unwrap_or(1))
}

fn balance_of(customer: &Record<Customer>) -> Result<i64> {
    let mut sum = 0;
    for order in &customer.order_ids().load()? {
        sum += total_of(&order)?;
    }
    for child in &customer.child_ids().load()? {
        sum += balance_of(&child)?;
    }
    Ok(sum)
}

fn run(db: &TestDb, ids: &RefCell<Ids>, step: &Step) -> Result<()> {
    let order = |id: i32| db.record::<Order>(id);
    let line = |place: usize| at(&ids.borrow().lines, place).map(|id| db.record::<Line>(id));
    let slim = |place: usize| at(&ids.borrow().lines, place).map(|id| db.record::<Slim>(id));
    match step {
        Step::Price(place, price) => line(*place).map_or(Ok(()), |line| line.set_price(*price)),
        Step::SlimPrice(place, price) => slim(*place).map_or(Ok(()), |line| line.set_price(*price)),
        Step::Shipping(id, shipping) => order(*id).set_shipping(*shipping),
        Step::Rate(id, rate) => db.record::<Customer>(*id).set_rate(*rate),
        Step::Rates(rate) => db.browse::<Customer>(1..=CUSTOMERS).set_rate(*rate),
        Step::Weight(id, weight) => db.record::<Tag>(*id).set_weight(*weight),
        Step::Note(id) => order(*id).set_note("another"),
        Step::Move(place, to) => line(*place).map_or(Ok(()), |line| line.set_order_id(order(*to))),
        Step::MoveSlim(place, to) => slim(*place).map_or(Ok(()), |line| line.set_order_id(*to)),
        Step::MoveAssigned(place, to) => {
            line(*place).map_or(Ok(()), |line| line.update(lines::order_id.eq(*to)))
        }
        Step::Assign(place, price) => {
            line(*place).map_or(Ok(()), |line| line.update(lines::price.eq(lines::price + *price)))
        }
        Step::Upsert(place, to, price) => {
            let Some(id) = at(&ids.borrow().lines, *place) else { return Ok(()) };
            let row = Line::values().id(id).order_id(order(*to)).price(*price).quantity(1);
            db.upsert(Line::ID, row).map(drop)
        }
        Step::OrderOf(id, customer) => order(*id).set_customer_id(customer.map(Id::new)),
        Step::Under(id, parent) => {
            db.record::<Customer>(*id).set_parent_id((*parent > 0).then(|| Id::new(*parent)))
        }
        Step::Create(id, price) => {
            let line = db.create(Line::values().order_id(order(*id)).price(*price).quantity(2))?;
            ids.borrow_mut().lines.push(line.id());
            Ok(())
        }
        Step::CreateInList(id, price) => {
            let line = order(*id).line_ids().create(Line::values().price(*price).quantity(2))?;
            ids.borrow_mut().lines.push(line.id());
            Ok(())
        }
        Step::CreateOrder(customer, shipping) => {
            let values = Order::values().customer_id(customer.map(Id::new)).note("new").shipping(*shipping);
            let order = db.create(values)?;
            ids.borrow_mut().orders.push(order.id());
            assert_eq!(order.total()?, total_of(&order)?);
            Ok(())
        }
        Step::Delete(place) => {
            let Some(id) = at(&ids.borrow().lines, *place) else { return Ok(()) };
            ids.borrow_mut().lines.retain(|&known| known != id);
            db.record::<Line>(id).delete()
        }
        Step::DeleteOrder(place) => {
            let Some(id) = at(&ids.borrow().orders, *place) else { return Ok(()) };
            ids.borrow_mut().orders.retain(|&known| known != id);
            order(id).delete()
        }
        Step::AddTag(id, tag) => order(*id).tag_ids().add_ids([*tag]),
        Step::RemoveTag(id, tag) => order(*id).tag_ids().remove_ids([*tag]),
        Step::SetTags(id, tags) => order(*id).tag_ids().set(&db.browse::<Tag>(tags.iter().copied())),
        Step::Pair(id, tag) => {
            let pair: Option<Record<OrderTag>> =
                db.find(order_tags::order_id.eq(*id).and(order_tags::tag_id.eq(*tag)))?;
            match pair {
                Some(pair) => pair.delete(),
                None => db.create(OrderTag::values().order_id(order(*id)).tag_id(Id::new(*tag))).map(drop),
            }
        }
        Step::Read(id) => {
            let order = order(*id);
            let total = order.total()?;
            assert_eq!(total, total_of(&order)?);
            assert_eq!(order.told()?, format!("{}: {total}", order.note()?));
            let weight = order.weight()?;
            assert_eq!(weight, order.tag_ids().load()?.weight()?.into_iter().reduce(|a, b| a + b));
            Ok(())
        }
        Step::ReadBalance(id) => {
            let customer = db.record::<Customer>(*id);
            let balance = customer.balance()?;
            assert_eq!(balance, balance_of(&customer)?);
            Ok(())
        }
        Step::Sum(id) => {
            let customer = db.record::<Customer>(*id);
            let sum = customer.order_ids().sum(Order::TOTAL)?;
            let mut own = 0;
            for order in &customer.order_ids().load()? {
                own += total_of(&order)?;
            }
            assert_eq!(sum, own);
            Ok(())
        }
        Step::Search(least) => {
            let found: RecordSet<Order> = order_rows::table
                .filter(order_rows::total.ge(*least))
                .order(order_rows::id)
                .records(&**db)?;
            let mut wanted = Vec::new();
            for order in &db.all::<Order>()? {
                if total_of(&order)? >= *least {
                    wanted.push(order.id());
                }
            }
            assert_eq!(found.ids(), wanted);
            Ok(())
        }
        Step::Transaction(steps, commits) => {
            let before = ids.borrow().clone();
            let result = db.transaction(|| {
                steps.iter().try_for_each(|step| run(db, ids, step))?;
                if *commits { Ok(()) } else { Err(Error::other("undone")) }
            });
            match result {
                Ok(()) => Ok(()),
                Err(error) if error.to_string().contains("undone") && !*commits => {
                    *ids.borrow_mut() = before;
                    Ok(())
                }
                Err(error) => Err(error),
            }
        }
        Step::Invalidate(id) => {
            db.cache().invalidate(Order::TOTAL, [*id]);
            Ok(())
        }
        Step::Clear => {
            db.cache().clear();
            Ok(())
        }
        Step::Flush => db.flush(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if cfg!(feature = "sqlite") { 96 } else { 16 }, max_shrink_iters: 400, ..ProptestConfig::default() })]

    #[test]
    fn whatever_was_committed_is_kept_up(steps in prop::collection::vec(step(), 1..24)) {
        let db = orders(ORDERS as usize);
        // Else nobody knows of the totals where only rows are written that no link leads on from.
        db.register::<Customer>();
        let ids = RefCell::new(Ids { lines: (1..=2 * ORDERS).collect(), orders: Vec::new() });
        for step in &steps {
            run(&db, &ids, step).expect("a step");
            assert_kept_up(&db.file);
        }
    }
}
