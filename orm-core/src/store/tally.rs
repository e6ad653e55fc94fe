//! How many records of a table have a value: counted again only in the pages whose cells were filled or emptied since.

use super::slot::ColumnId;

/// The numbers of records that have a value in some of the columns, for each group of columns that was asked for; a byte for 64 records,
/// which is not counted as memory of the cache
#[derive(Default)]
pub(crate) struct Tally {
    groups: Vec<Group>,
}

struct Group {
    columns: Box<[ColumnId]>,
    /// How many records of each page
    pages: Vec<u8>,
    records: usize,
}

impl Group {
    fn count(&mut self, page: usize, held: u64) {
        if page >= self.pages.len() {
            self.pages.resize(page + 1, 0);
        }
        let records = held.count_ones() as u8;
        self.records = self.records + usize::from(records) - usize::from(self.pages[page]);
        self.pages[page] = records;
    }
}

impl Tally {
    /// Counts again in pages that have changed; `held` has a bit for each record of a page with a value in some of the columns.
    pub(crate) fn recount(&mut self, pages: &[u32], held: impl Fn(usize, &[ColumnId]) -> u64) {
        for group in &mut self.groups {
            for &page in pages {
                group.count(page as usize, held(page as usize, &group.columns));
            }
        }
    }

    /// How many records have a value in some of these columns; a group that was not asked for before is counted in all pages.
    pub(crate) fn of(
        &mut self,
        columns: &[ColumnId],
        pages: usize,
        held: impl Fn(usize, &[ColumnId]) -> u64,
    ) -> usize {
        if let Some(group) = self.groups.iter().find(|group| *group.columns == *columns) {
            return group.records;
        }
        let mut group = Group { columns: columns.into(), pages: Vec::new(), records: 0 };
        for page in 0..pages {
            group.count(page, held(page, columns));
        }
        let records = group.records;
        self.groups.push(group);
        records
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_that_have_changed_are_counted_again() {
        let columns = [ColumnId(0), ColumnId(1)];
        let mut tally = Tally::default();
        assert_eq!(tally.of(&columns, 3, |page, _| [0b1011, 0, 0b1][page]), 4);
        // Asked again, nothing is looked at.
        assert_eq!(tally.of(&columns, 3, |_, _| unreachable!()), 4);
        tally.recount(&[0, 4], |page, _| if page == 0 { 0b1 } else { 0b111 });
        assert_eq!(tally.of(&columns, 5, |_, _| unreachable!()), 5);
    }
}
