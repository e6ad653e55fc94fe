//! A list that grows while its items are borrowed: none of them ever moves.

use std::cell::Cell;

use once_cell::unsync::OnceCell;

/// Items by number; a number is given by `push`, or by whoever calls `get_or_init`
pub(crate) struct Frozen<T> {
    /// Chunk `i` has place for `FIRST << i` items.
    chunks: [OnceCell<Box<[OnceCell<T>]>>; CHUNKS],
    pushed: Cell<usize>,
}

const FIRST: usize = 16;
const CHUNKS: usize = 26;

impl<T> Default for Frozen<T> {
    fn default() -> Self {
        Self { chunks: [const { OnceCell::new() }; CHUNKS], pushed: Cell::new(0) }
    }
}

#[inline]
fn place(number: usize) -> (usize, usize) {
    let chunk = (number / FIRST + 1).ilog2() as usize;
    (chunk, number - FIRST * ((1 << chunk) - 1))
}

impl<T> Frozen<T> {
    #[inline]
    pub(crate) fn get(&self, number: usize) -> Option<&T> {
        let (chunk, index) = place(number);
        self.chunks.get(chunk)?.get()?.get(index)?.get()
    }

    pub(crate) fn get_or_init(&self, number: usize, make: impl FnOnce() -> T) -> &T {
        let (chunk, index) = place(number);
        let items = self.chunks[chunk].get_or_init(|| (0..FIRST << chunk).map(|_| OnceCell::new()).collect());
        items[index].get_or_init(make)
    }

    /// Adds an item behind those that were pushed before; returns its number.
    pub(crate) fn push(&self, item: T) -> usize {
        let number = self.pushed.get();
        self.pushed.set(number + 1);
        self.get_or_init(number, || item);
        number
    }

    /// How many were pushed
    pub(crate) fn len(&self) -> usize {
        self.pushed.get()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.chunks.iter().filter_map(OnceCell::get).flatten().filter_map(OnceCell::get)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_stay_where_they_are_while_others_come() {
        let list = Frozen::default();
        list.push(0_usize);
        let first = list.get(0);
        (1..5000).for_each(|number| assert_eq!(list.push(number), number));
        assert!(first.is_some_and(|first| std::ptr::eq(first, &raw const *list.get(0).unwrap_or(&9))));
        assert!((0..5000).all(|number| list.get(number) == Some(&number)));
        assert_eq!((list.len(), list.iter().count(), list.get(5000)), (5000, 5000, None));
    }

    #[test]
    fn a_number_of_ones_own_leaves_gaps() {
        let list = Frozen::default();
        assert_eq!((list.get_or_init(70, || 'a'), list.get_or_init(3, || 'b')), (&'a', &'b'));
        assert_eq!(list.iter().copied().collect::<String>(), "ba");
        assert_eq!(list.get_or_init(70, || 'c'), &'a');
    }
}
