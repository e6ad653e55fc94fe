use diesel::prelude::*;
use orm_core::prelude::*;
use orm_tests::orders::{self, Order};
#[inline(never)]
fn search(env: &Environment<SqliteConnection>) -> RecordSet<'_, Order> {
    orders::orders::table.records(env).unwrap()
}
#[inline(never)]
fn lines(set: &RecordSet<'_, Order>) {
    set.prefetch_field(Order::LINE_IDS).unwrap();
}
#[inline(never)]
fn products(set: &RecordSet<'_, Order>) {
    let _ = set.first().unwrap().line_ids().load().unwrap().first().unwrap().product_id().name().unwrap();
}
#[inline(never)]
fn walk(set: &RecordSet<'_, Order>) -> usize {
    let mut sum = 0;
    for order in set {
        for line in &order.line_ids().load().unwrap() {
            sum += line.product_id().name().unwrap().len();
        }
    }
    sum
}
fn main() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("x.db").display().to_string();
    orders::fill(&mut SqliteConnection::establish(&path).unwrap(), 1000).unwrap();
    for _ in 0..10 {
        let env: Environment<SqliteConnection> = Environment::connect(&path).unwrap();
        let t = std::time::Instant::now();
        let set = search(&env);
        let t1 = t.elapsed();
        lines(&set);
        let t2 = t.elapsed();
        products(&set);
        let t3 = t.elapsed();
        walk(&set);
        let t4 = t.elapsed();
        println!("search {t1:?} lines {:?} products {:?} walk {:?}", t2 - t1, t3 - t2, t4 - t3);
    }
}
