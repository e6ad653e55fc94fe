//! Stored fields: what they follow from leads somewhere.

use orm_core::prelude::*;

diesel::table! { orders { id -> Integer, customer_id -> Nullable<Integer>, total -> BigInt } }
diesel::table! { customers { id -> Integer, rate -> BigInt } }

#[derive(Model)]
struct Customer {
    id: i32,
    rate: i64,
}

fn total<M: orm_core::Model>(_: &Record<M>) -> orm_core::Result<i64> {
    Ok(0)
}

#[derive(Model)]
#[model(table = orders)]
struct WithoutAFunction {
    id: i32,
    #[model(stored)]
    total: i64,
}

#[derive(Model)]
#[model(table = orders)]
struct NoFunctionNamed {
    id: i32,
    #[model(stored)]
    total: Computed<i64>,
}

#[derive(Model)]
#[model(table = orders)]
struct OwnPaths {
    id: i32,
    customer_id: Option<Id<Customer>>,
    #[model(compute = total, stored, depends(custmer_id.rate, id.rate, total))]
    total: Computed<i64>,
}

#[derive(Model)]
#[model(table = orders)]
struct NotStored {
    id: i32,
    customer_id: Option<Id<Customer>>,
    #[model(compute = total, depends(customer_id.rate))]
    total: Computed<i64>,
}

fn main() {}
