//! A model may link to itself, to one model more than once, and to one that is defined further down.
use diesel::prelude::*;
use orm_core::prelude::*;

#[path = "../database.rs"]
mod database;

diesel::table! { orders { id -> Integer, from_id -> Integer, to_id -> Nullable<Integer>, parent_id -> Nullable<Integer> } }
diesel::table! { places { id -> Integer, name -> Text } }
diesel::table! { order_places (order_id, place_id) { order_id -> Integer, place_id -> Integer } }

#[derive(Model)]
struct Order {
    id: i32,
    from_id: Id<Place>,
    to_id: std::option::Option<orm_core::Id<Place>>,
    parent_id: Option<Id<Self>>,
    #[model(inverse = Self::PARENT_ID)]
    #[model(order = orders::id.desc())]
    child_ids: OneToMany<Self>,
    #[model(inverse = Self::PARENT_ID, filter = orders::to_id.is_null().or(orders::from_id.gt(7)))]
    open_ids: OneToMany<Self>,
    #[model(through(order_places::order_id, order_places::place_id), filter = places::name.like("A%").and(order_places::order_id.gt(0)))]
    named_ids: ManyToMany<Place>,
    #[model(through(order_places::order_id, order_places::place_id), order = (places::name.asc(), places::id.desc()))]
    place_ids: ManyToMany<Place>,
}

#[derive(Model)]
struct Place {
    id: i32,
    name: String,
    #[model(inverse = Order::FROM_ID)]
    from_ids: OneToMany<Order>,
    #[model(inverse = Order::TO_ID)]
    to_ids: OneToMany<Order>,
    #[model(through(order_places::place_id, order_places::order_id))]
    order_ids: ManyToMany<Order>,
}

fn main() -> orm_core::Result<()> {
    let env = database::open(
        "CREATE TABLE orders (id INTEGER PRIMARY KEY, from_id INTEGER NOT NULL, to_id INTEGER, parent_id INTEGER);
         CREATE TABLE places (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
         CREATE TABLE order_places (order_id INTEGER, place_id INTEGER);
         INSERT INTO places VALUES (1, 'B'), (2, 'A');
         INSERT INTO orders VALUES (1, 1, 2, NULL), (2, 2, NULL, 1), (3, 1, 1, 1);
         INSERT INTO order_places VALUES (1, 1), (1, 2), (2, 2);",
    );
    let order = env.record::<Order>(1);
    assert_eq!(order.child_ids().id()?, [3, 2]);
    assert_eq!(order.place_ids().name()?, ["A", "B"]);
    assert_eq!(order.from_id().from_ids().id()?, [1, 3]);
    assert_eq!(order.to_id().to_ids().id()?, [1]);
    assert_eq!(env.record::<Place>(2).order_ids().id()?, [1, 2]);
    let owned = order.to_model()?;
    assert_eq!((owned.from_id.key(), owned.parent_id), (&1, None));
    Ok(())
}
