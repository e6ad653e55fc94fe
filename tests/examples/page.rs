//! The pages of `benches/page.rs` for callgrind: `page ours|hand totals|orders 7`, 20 pages of partners with so many orders each
//! (`--toggle-collect=page::ours`, or `page::hand`).
#![allow(missing_docs, unreachable_pub)]
#![allow(clippy::expect_used, clippy::panic)]

#[path = "../benches/pages/mod.rs"]
mod pages;

use diesel::r2d2::ConnectionManager;
use orm_core::Environment;
use pages::{Db, fill, orders_by_hand, orders_of, totals, totals_by_hand};

const PAGES: i64 = 20;

#[inline(never)]
fn ours(pool: &Db, with_orders: bool, number: i64) -> usize {
    let page = if with_orders { orders_of } else { totals };
    page(&Environment::new(pool.clone()), number).expect("a page").len()
}

#[inline(never)]
fn hand(pool: &Db, with_orders: bool, number: i64) -> usize {
    let page = if with_orders { orders_by_hand } else { totals_by_hand };
    page(&mut pool.get().expect("a connection"), number).expect("a page").len()
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [by, what, each] = &*arguments else { panic!("ours|hand totals|orders NUMBER") };
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("page.db").display().to_string();
    fill(&path, PAGES as usize * pages::PAGE as usize, each.parse().expect("orders of each")).expect("data");
    let pool = Db::builder().max_size(1).build(ConnectionManager::new(&path)).expect("a pool");
    let page = if by == "ours" { ours } else { hand };
    for number in 0..PAGES {
        std::hint::black_box(page(&pool, what == "orders", number));
    }
}
