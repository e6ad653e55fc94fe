//! `None` for a column that is NOT NULL.
include!("../schema.rs");

diesel::table! { orders { id -> Integer, note -> Text, partner_id -> Integer } }

#[derive(Model)]
struct Partner {
    id: i32,
    name: String,
}

#[derive(Model)]
struct Order {
    id: i32,
    note: String,
    partner_id: Id<Partner>,
}

fn write(order: Record<Order>) -> orm_core::Result<()> {
    order.set_note(None)?;
    order.set_partner_id(None)?;
    order.write(Order::values().note(None).partner_id(None))
}

fn main() {}
