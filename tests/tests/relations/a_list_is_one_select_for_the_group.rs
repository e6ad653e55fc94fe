//! P5: the lists of a one2many link are one SELECT per thousand parents, the members' columns included.

use diesel::prelude::*;
use orm_core::prelude::*;
use orm_core::{Error, Result};
use orm_tests::orders::*;
use orm_tests::partners::{Continent, Country, Partner};
use orm_tests::{File, TestDb, test_db};

fn of_orders(count: usize) -> TestDb {
    let file = File::new("SELECT 1");
    file.run(&orm_tests::orders::sql(count));
    test_db!(file)
}

#[test]
fn parents_and_members_are_two_selects() -> Result<()> {
    let db = of_orders(100);
    let (total, statements) = db.watch(|| -> Result<i32> {
        let mut total = 0;
        for order in &db.all::<Order>()? {
            for line in &order.line_ids().load()? {
                total += line.quantity()?;
            }
        }
        Ok(total)
    });
    assert_eq!(statements.len(), 2, "{statements:?}");
    assert_eq!(statements[1].keys().len(), 100);
    assert_eq!(statements[1].columns(), ["id", "order_id", "product_id", "quantity", "remark"]);
    assert_eq!(total?, (1..=1000).map(|id| id % 9).sum::<i32>());
    Ok(())
}

#[test]
fn a_thousand_parents_a_select() -> Result<()> {
    let db = of_orders(2_500);
    let orders = db.all::<Order>()?;
    db.assert_keys(&[1000, 1000, 500], || {
        orders.iter().try_for_each(|order| {
            assert_eq!(order.line_ids().quantity()?.len(), 10);
            Ok(())
        })
    })
}

#[test]
fn all_members_are_one_set() -> Result<()> {
    let db = of_orders(100);
    let orders = db.all::<Order>()?;
    // Lines of all orders, products of all lines: the products are one SELECT although only one is read.
    db.assert_keys(&[100, 500], || {
        let first = orders.first().expect("there are some").line_ids().load()?;
        first.first().expect("there are some").product_id().name()
    })?;
    db.assert_queries(0, || {
        orders.iter().try_for_each(|order| {
            for line in &order.line_ids().load()? {
                line.product_id().name()?;
            }
            Ok(())
        })
    })
}

#[test]
fn a_path_in_one_expression() -> Result<()> {
    let db = of_orders(100);
    let order = db.record::<Order>(7);
    let names = db.assert_keys(&[1, 10], || order.line_ids().product_id().name())?;
    assert_eq!(names.len(), 10);
    assert_eq!(names[0], "Product number 428");
    db.cache().clear();
    let orders = db.all::<Order>()?;
    // The set's products: each once, in order of first appearance.
    let ids = db.assert_keys(&[100], || orders.line_ids().product_id().ids())?;
    let mut expected: Vec<i32> = Vec::new();
    (1..=1000).map(|line| 1 + line * 7 % 500).for_each(|id| {
        if !expected.contains(&id) {
            expected.push(id);
        }
    });
    assert_eq!(ids, expected);
    assert_eq!(db.assert_keys(&[500], || orders.line_ids().product_id().name())?.len(), 500);
    Ok(())
}

#[test]
fn in_a_loop_each_order_with_the_names_of_its_products() -> Result<()> {
    let db = of_orders(1_000);
    let orders = db.all::<Order>()?;
    db.assert_keys(&[1000, 500], || {
        for order in &orders {
            assert_eq!(order.line_ids().product_id().name()?.len(), 10);
        }
        Ok::<_, Error>(())
    })
}

#[test]
fn members_come_in_the_order_of_their_keys_or_in_the_one_that_was_said() -> Result<()> {
    let db = TestDb::of_partners(40, 4);
    let all = db.all::<Partner>()?;
    // Partner says `order = partners::name.asc()` for its children: as text, 11 comes before 2.
    let children = all.first().expect("one").child_ids();
    assert_eq!(children.ids()?, [20, 30, 40]);
    db.file.run("UPDATE partners SET name = CASE id WHEN 20 THEN 'c' WHEN 30 THEN 'a' ELSE 'b' END WHERE id IN (20, 30, 40)");
    db.cache().invalidate_model::<Partner>();
    assert_eq!(children.ids()?, [30, 40, 20]);
    let expected: Vec<i32> = {
        use orm_tests::partners::partners::dsl::*;
        partners.filter(country_id.eq(2)).order(id).select(id).load(&mut db.file.connect())?
    };
    assert_eq!(db.record::<Country>(2).partner_ids().ids()?, expected);
    Ok(())
}

#[test]
fn a_parent_without_members_has_an_empty_list_and_is_not_asked_for_again() -> Result<()> {
    let db = of_orders(10);
    db.file.run("DELETE FROM lines WHERE order_id = 3");
    let orders = db.all::<Order>()?;
    let empty = orders.get(2).expect("in range").line_ids();
    assert_eq!(db.assert_queries(1, || empty.quantity())?, Vec::<i32>::new());
    db.assert_queries(0, || {
        assert!(empty.is_empty()?);
        assert_eq!((empty.len()?, empty.load()?.len(), empty.ids()?.len()), (0, 0, 0));
        assert!(empty.product_id().name()?.is_empty());
        assert_eq!(orders.line_ids().ids()?.len(), 90);
        Ok(())
    })
}

#[test]
fn of_a_record_that_does_not_exist() -> Result<()> {
    let db = of_orders(10);
    let ghost = db.record::<Order>(99);
    // No row, so no members: nothing says that the order was looked for.
    let lines = ghost.line_ids().load();
    assert!(
        lines.as_ref().is_ok_and(RecordSet::is_empty) || lines.is_err_and(|error| error.is_missing_record())
    );
    Ok(())
}

#[test]
fn a_member_knows_its_parent_without_a_query() -> Result<()> {
    let db = of_orders(10);
    let orders = db.all::<Order>()?;
    orders.line_ids().load()?;
    db.assert_queries(0, || {
        for order in &orders {
            for line in &order.line_ids().load()? {
                assert_eq!(line.order_id().load()?, order);
                assert_eq!(line.order_id().reference()?, order.reference()?);
            }
        }
        Ok(())
    })
}

#[test]
fn three_levels_of_lists() -> Result<()> {
    let db = TestDb::of_partners(200, 20);
    let continents = db.all::<Continent>()?;
    db.assert_keys(&[5, 20], || {
        let mut count = 0;
        for continent in &continents {
            for country in &continent.country_ids().load()? {
                for partner in &country.partner_ids().load()? {
                    assert_eq!(partner.country_id().id()?, Some(country.id()));
                    count += 1;
                }
            }
        }
        assert_eq!(count, 190);
        Ok::<_, Error>(())
    })?;
    db.assert_queries(0, || continents.country_ids().partner_ids().name())?;
    Ok(())
}

#[test]
fn nested_loops_of_any_depth_are_a_select_per_level() -> Result<()> {
    let db = TestDb::of_partners(200, 20);
    let continents = db.all::<Continent>()?;
    // Countries, partners, their tags; then everybody's parent's country's continent is cached already.
    db.assert_queries(3, || {
        for continent in &continents {
            for country in &continent.country_ids().load()? {
                for partner in &country.partner_ids().load()? {
                    for tag in &partner.tag_ids().load()? {
                        tag.name()?;
                    }
                    partner.parent_id().country_id().continent_id().name()?;
                }
            }
        }
        Ok::<_, Error>(())
    })?;
    db.cache().clear();
    // The same without `load`.
    db.assert_queries(4, || {
        for continent in &continents {
            for country in &continent.country_ids().load()? {
                assert_eq!(country.partner_ids().tag_ids().name()?.is_empty(), country.id() == 1);
            }
        }
        continents.name()
    })?;
    Ok(())
}

#[test]
fn lists_of_targets_behind_a_link() -> Result<()> {
    let db = TestDb::of_partners(200, 20);
    let all = db.all::<Partner>()?;
    // The countries' own rows are not needed to know their partners. (Nobody is in the first one.)
    db.assert_keys(&[19], || {
        all.iter().try_for_each(|partner| {
            let siblings = partner.country_id().partner_ids().ids()?;
            assert_eq!(siblings.contains(&partner.id()), partner.id() % 20 != 0);
            Ok::<_, Error>(())
        })
    })
}

#[test]
fn a_link_to_nothing_has_no_members() -> Result<()> {
    let db = TestDb::of_partners(40, 4);
    let homeless = db.record::<Partner>(20);
    assert_eq!(homeless.country_id().id()?, None);
    db.assert_queries(0, || {
        let none = homeless.country_id().partner_ids();
        assert_eq!((none.len()?, none.ids()?, none.name()?), (0, vec![], vec![]));
        assert!(none.is_empty()? && none.load()?.is_empty());
        Ok(())
    })
}

#[test]
fn members_can_be_filtered_and_mapped() -> Result<()> {
    let db = of_orders(10);
    let order = db.record::<Order>(1);
    let some = order.line_ids().filter(|line| Ok(line.quantity()? > 5))?;
    assert_eq!(some.ids(), [6, 7, 8]);
    assert_eq!(order.line_ids().map(|line| line.quantity())?, [1, 2, 3, 4, 5, 6, 7, 8, 0, 1]);
    Ok(())
}

#[test]
fn what_members_have_cached_is_not_overwritten() -> Result<()> {
    let db = of_orders(10);
    db.cache().set(Line::QUANTITY, 3, 777);
    assert_eq!(db.record::<Order>(1).line_ids().quantity()?[..4], [1, 2, 777, 4]);
    Ok(())
}

#[test]
fn a_prefetch_of_a_list_by_hand() -> Result<()> {
    let db = of_orders(1_500);
    let orders = orders::table.record_ids::<Order>(&db)?;
    db.assert_keys(&[1000, 500], || orders.prefetch_field(Order::LINE_IDS))?;
    db.assert_queries(0, || orders.iter().try_for_each(|order| order.line_ids().quantity().map(drop)))?;
    db.assert_keys(&[500], || orders.line_ids().product_id().prefetch())?;
    Ok(())
}

#[test]
fn a_self_one2many_tree() -> Result<()> {
    let db = TestDb::of_partners(110, 4);
    let roots = {
        use orm_tests::partners::partners::dsl::*;
        partners.filter(parent_id.is_null()).order(id).records::<Partner>(&db)?
    };
    assert_eq!(roots.len(), 10);
    db.assert_keys(&[10, 100], || {
        for root in &roots {
            for child in &root.child_ids().load()? {
                assert_eq!(child.parent_id().load()?.as_ref(), Some(&root));
                assert_eq!(child.child_ids().len()?, 0);
            }
        }
        Ok::<_, Error>(())
    })
}
