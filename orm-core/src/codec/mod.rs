//! A cell and its SQL value: how it is read, and how it is written.

pub(crate) mod altered;
mod decode;
pub(crate) mod encode;
mod key;

pub(crate) use decode::typed;
pub use decode::{Blob, BlobCell, CellWriter, Cells, CellsOf, ComputedCell, Decode, Presence, Scalar, cells};
pub(crate) use encode::row;
pub use encode::{Binds, Encode, EncodeOf, ReadOnly, Writable};
pub(crate) use key::read_key;
pub use key::{ColumnNames, KeyCodec, KeyOf, KeyOfSeveral};
