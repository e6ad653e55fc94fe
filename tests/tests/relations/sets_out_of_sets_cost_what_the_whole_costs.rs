//! P7: a link of a set that came out of another set is read for all sets that came out of it, at every depth: lists in a
//! loop, groups, filters, sorted sets, sets of one record. Each costs what the chained form costs.

use diesel::prelude::*;
use orm_core::Result;
use orm_core::prelude::*;
use orm_tests::music::{self, *};
use orm_tests::{File, TestDb, test_db};

fn chinook() -> TestDb {
    test_db!(File::new(&music::sql(music::CHINOOK)), strict())
}

#[test]
fn a_link_of_a_list_that_was_loaded_in_a_loop() -> Result<()> {
    let db = chinook();
    db.assert_queries(3, || {
        let mut lines = 0;
        for customer in &db.all::<Customer>()? {
            let invoices = customer.invoices().load()?;
            lines += invoices.lines().load()?.len();
        }
        assert_eq!(lines, 2_240);
        Ok(())
    })
}

#[test]
fn a_link_of_each_group() -> Result<()> {
    let db = chinook();
    db.assert_queries(2, || {
        let groups = db.all::<Customer>()?.group_by(|customer| customer.country())?;
        let mut invoices = 0;
        for (_, group) in groups {
            invoices += group.invoices().load()?.len();
        }
        assert_eq!(invoices, 412);
        Ok(())
    })
}

#[test]
fn a_link_of_a_sorted_list() -> Result<()> {
    let db = chinook();
    // The lines' tracks are 1,500 or so, two windows of them.
    db.assert_queries(4, || {
        for invoice in &db.all::<Invoice>()? {
            invoice.lines().load()?.sort_by_key(|line| Ok(line.id()))?.track_id().name()?;
        }
        Ok(())
    })
}

#[test]
fn a_link_of_a_filtered_list() -> Result<()> {
    let db = chinook();
    db.assert_queries(3, || {
        for artist in &db.all::<Artist>()? {
            artist.albums().filter(|album| Ok(album.id() > 0))?.tracks().load()?;
        }
        Ok(())
    })
}

#[test]
fn the_length_of_a_link_of_a_list() -> Result<()> {
    let db = chinook();
    let albums = albums::table.order(albums::id).limit(100).records::<Album>(&db)?;
    let tracks = albums.tracks().len()?;
    db.cache().clear();
    // One for the tracks, one for each thousand of them.
    db.assert_queries(1 + tracks.div_ceil(1_000), || {
        for album in &albums {
            let tracks = album.tracks().load()?;
            tracks.lines().len()?;
        }
        Ok(())
    })
}

#[test]
fn slices_sets_of_one_and_set_operations() -> Result<()> {
    let db = chinook();
    let walk = |name: &str, of: &dyn Fn(&Record<'_, Customer>) -> Result<usize>| {
        db.cache().clear();
        let customers = db.all::<Customer>()?;
        let (result, statements) =
            db.watch(|| customers.iter().try_for_each(|customer| of(&customer).map(drop)));
        result?;
        assert_eq!(statements.len(), 2, "{name}: {statements:#?}");
        Ok(())
    };
    walk("a slice", &|customer| Ok(customer.invoices().load()?.slice(1..).lines().load()?.len()))?;
    walk("one record", &|customer| match customer.invoices().load()?.first() {
        Some(invoice) => Ok(RecordSet::from(invoice).lines().load()?.len()),
        None => Ok(0),
    })?;
    walk("a union", &|customer| {
        let invoices = customer.invoices().load()?;
        Ok((&invoices.slice(..1) | &invoices.slice(2..)).lines().load()?.len())
    })?;
    walk("a difference", &|customer| {
        let invoices = customer.invoices().load()?;
        Ok((&invoices - &invoices.slice(..1)).lines().load()?.len())
    })?;
    walk("in the opposite order", &|customer| {
        Ok(customer.invoices().load()?.reversed().lines().load()?.len())
    })?;
    walk("of a slice of a filtered set", &|customer| {
        let some = customer.invoices().filter(|invoice| Ok(invoice.id() % 2 == 0))?;
        Ok(some.slice(..3).lines().load()?.len())
    })
}

#[test]
fn sets_that_are_put_together_of_their_parts() -> Result<()> {
    let db = chinook();
    let put_together = |invoice: Record<'_, Invoice>| {
        let invoices = RecordSet::from(invoice);
        for invoice in &invoices.slice(..0).concat(&invoices.slice(..)) {
            for line in invoice.lines().iter()? {
                let tracks = RecordSet::from(line).track_id().load()?.reversed().reversed().reversed();
                tracks.iter().try_for_each(|track| track.lines().ids().map(drop))?;
            }
        }
        Ok::<_, orm_core::Error>(())
    };
    // Lines, the lines of their invoices, two windows of tracks' lines.
    db.assert_queries(4, || {
        db.all::<Line>()?.iter().try_for_each(|line| put_together(line.invoice_id().load()?))
    })
}

#[test]
fn three_levels_of_lists_each_walked_as_a_set() -> Result<()> {
    let db = chinook();
    let names = |customer: &Record<'_, Customer>| {
        let mut names = 0;
        for invoice in &customer.invoices().load()? {
            let lines = invoice.lines().load()?;
            names += lines.track_id().load()?.album_id().load()?.artist_id().name()?.len();
        }
        Ok::<_, orm_core::Error>(names)
    };
    // Customers, invoices, lines, 1,500 tracks, albums, artists.
    db.assert_queries(7, || db.all::<Customer>()?.iter().try_for_each(|customer| names(&customer).map(drop)))
}

#[test]
fn counts_of_sets_out_of_sets() -> Result<()> {
    let db = chinook();
    db.assert_queries(3, || {
        for customer in &db.all::<Customer>()? {
            for invoice in &customer.invoices().load()?.reversed() {
                invoice.lines().len()?;
            }
        }
        Ok(())
    })
}

#[test]
fn a_page_is_read_with_the_rest_but_alone_it_is_not() -> Result<()> {
    let db = chinook();
    let all = db.all::<Customer>()?;
    let page = all.slice(10..20);
    db.assert_keys(&[59], || page.invoices().load())?;
    db.cache().clear();
    db.assert_keys(&[10, 10], || {
        let page = page.alone();
        page.name()?;
        page.invoices().load().map(drop)
    })?;
    let invoices = page.alone().invoices().len()?;
    db.assert_keys(&[invoices], || {
        page.alone().iter().try_for_each(|customer| customer.invoices().load()?.lines().load().map(drop))
    })?;
    // What is taken out of it is read with all of it, and no others.
    db.cache().clear();
    db.assert_keys(&[10], || page.alone().slice(..3).name().map(drop))
}
