//! Stored fields: the steps of a path behind the first one, and the column.

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
struct UnknownStep {
    id: i32,
    customer_id: Option<Id<Customer>>,
    #[model(compute = total, stored, depends(customer_id.rat))]
    total: Computed<i64>,
}

#[derive(Model)]
#[model(table = orders)]
struct NoLink {
    id: i32,
    customer_id: Option<Id<Customer>>,
    #[model(compute = total, stored, depends(customer_id.rate.more))]
    total: Computed<i64>,
}

#[derive(Model)]
#[model(table = orders)]
struct NoColumn {
    id: i32,
    #[model(compute = total, stored)]
    sum: Computed<i64>,
}

fn main() {}
