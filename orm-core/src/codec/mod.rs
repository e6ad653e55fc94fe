//! A cell and its SQL value: how it is read, and how it is written.

mod decode;
pub(crate) mod encode;

pub use decode::{Blob, BlobCell, CellWriter, Cells, CellsOf, Decode, Scalar, ToManyLink, ToOneLink, cells};
pub(crate) use encode::row;
pub use encode::{Binds, Encode, EncodeOf, ReadOnly, Writable};

pub(crate) use crate::key::BoxError;
