//! How many rows one statement writes.

/// Rows that one statement writes at most
pub(super) const WINDOW: usize = 1000;

/// Bytes of text and blobs that one statement writes at most, if it writes several rows; the padding may double them.
/// MariaDB takes 16 MiB unless it is told otherwise, and hangs up at more.
const WINDOW_BYTES: usize = 4 << 20;

/// How many rows, of these weights, one statement takes
pub(super) fn fitting_bytes(weights: impl Iterator<Item = usize>) -> usize {
    let mut bytes = 0;
    let fits = |&weight: &usize| {
        bytes += weight;
        bytes <= WINDOW_BYTES
    };
    weights.take_while(fits).count().max(1)
}

/// How many rows a statement takes: a thousand, or as large a power of two as there are binds for
pub(super) fn fitting(rows: usize) -> usize {
    if rows >= WINDOW { WINDOW } else { 1 << rows.max(1).ilog2() }
}
