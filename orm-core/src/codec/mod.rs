//! A cell and its SQL value: how it is read, and how it is written.

mod decode;
pub(crate) mod encode;
mod key;

pub use decode::{Blob, BlobCell, CellWriter, Cells, CellsOf, Decode, Scalar, ToManyLink, ToOneLink, cells};
pub(crate) use encode::row;
pub use encode::{Binds, Encode, EncodeOf, ReadOnly, Writable};
pub use key::{ColumnNames, KeyCodec, KeyOf, KeyOfSeveral};

pub(crate) use crate::error::BoxError;
