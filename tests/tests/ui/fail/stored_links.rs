//! Links that are computed and stored.

use orm_core::prelude::*;

diesel::table! { orders { id -> Integer, customer_id -> Nullable<Integer>, best_id -> Nullable<Integer>, total -> BigInt } }
diesel::table! { customers { id -> Integer, rate -> BigInt } }

#[derive(Model)]
struct Customer {
    id: i32,
    rate: i64,
}

fn best<M: orm_core::Model>(_: &Record<M>) -> orm_core::Result<Option<Id<Customer>>> {
    Ok(None)
}

fn total<M: orm_core::Model>(_: &Record<M>) -> orm_core::Result<i64> {
    Ok(0)
}

#[derive(Model)]
#[model(table = orders)]
struct NotComputed {
    id: i32,
    #[model(stored)]
    best_id: Option<Id<Customer>>,
}

#[derive(Model)]
#[model(table = orders)]
struct NoFunction {
    id: i32,
    #[model(stored)]
    best_id: Computed<Option<Id<Customer>>>,
}

#[derive(Model)]
#[model(table = orders)]
struct OneOfSeveralColumns {
    id: i32,
    #[model(compute = best, stored, columns(best_id))]
    best_id: Computed<Option<Id<Customer>>>,
}

#[derive(Model)]
#[model(table = orders)]
struct FollowsFromItself {
    id: i32,
    #[model(compute = best, stored, depends(best_id, bets_id.rate))]
    best_id: Computed<Option<Id<Customer>>>,
}

#[derive(Model)]
#[model(table = orders)]
struct FollowsFromWhatIsNotStored {
    id: i32,
    #[model(compute = best)]
    best_id: Computed<Option<Id<Customer>>>,
    #[model(compute = total, stored, depends(best_id.rate))]
    total: Computed<i64>,
}

#[derive(Model)]
#[model(table = orders)]
struct OnlyALink {
    id: i32,
    customer_id: Option<Id<Customer>>,
    #[model(related = customer_id, stored)]
    best_id: Computed<Option<Id<Customer>>>,
}

fn main() {}
