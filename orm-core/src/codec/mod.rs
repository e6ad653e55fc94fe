//! A cell and its SQL value: how it is read, and how it is written.

mod decode;
pub(crate) mod encode;

pub use decode::{Blob, BlobCell, CellWriter, Cells, CellsOf, Decode, Scalar, ToManyLink, ToOneLink, cells};
pub use encode::{Binds, Encode, EncodeOf, ReadOnly, Writable};
pub(crate) use encode::row;

pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;
