//! Numbers that can be added up, and in what.

#[cfg(feature = "numeric")]
use bigdecimal::{BigDecimal, ToPrimitive};
use diesel::sql_types::{self, SqlType, is_nullable};

use crate::backend::{Dialect, Numbers};
use crate::error::BoxError;

/// Numbers that have been added up
pub trait Total: Clone + Send + 'static {
    /// As what they are given
    type Out;
    #[doc(hidden)]
    const NUMBERS: Numbers;
    #[doc(hidden)]
    fn zero() -> Self;
    #[doc(hidden)]
    fn plus(self, other: Self) -> Self;
    /// 2³² times as much
    #[doc(hidden)]
    fn shifted(self) -> Self;
    #[doc(hidden)]
    fn mean(&self, count: u64) -> f64;
    /// `None`: it does not fit; then what it is as text
    #[doc(hidden)]
    fn out(self) -> Result<Self::Out, String>;
    #[doc(hidden)]
    fn read<DB: Dialect>(value: DB::RawValue<'_>) -> Result<Self, BoxError>;
}

// A sum of i64 of as many rows as there can be fits.
impl Total for i128 {
    type Out = i64;
    const NUMBERS: Numbers = Numbers::Whole;
    fn zero() -> Self {
        0
    }
    fn plus(self, other: Self) -> Self {
        self.saturating_add(other)
    }
    fn shifted(self) -> Self {
        self.saturating_mul(1 << 32)
    }
    fn mean(&self, count: u64) -> f64 {
        *self as f64 / count as f64
    }
    fn out(self) -> Result<i64, String> {
        i64::try_from(self).map_err(|_| self.to_string())
    }
    fn read<DB: Dialect>(value: DB::RawValue<'_>) -> Result<Self, BoxError> {
        DB::read_whole(value)
    }
}

impl Total for f64 {
    type Out = Self;
    const NUMBERS: Numbers = Numbers::Real;
    fn zero() -> Self {
        0.0
    }
    fn plus(self, other: Self) -> Self {
        self + other
    }
    fn shifted(self) -> Self {
        self * 4_294_967_296.0
    }
    fn mean(&self, count: u64) -> f64 {
        *self / count as Self
    }
    fn out(self) -> Result<Self, String> {
        Ok(self)
    }
    fn read<DB: Dialect>(value: DB::RawValue<'_>) -> Result<Self, BoxError> {
        DB::read_real(value)
    }
}

#[cfg(feature = "numeric")]
impl Total for BigDecimal {
    type Out = Self;
    const NUMBERS: Numbers = Numbers::Own;
    fn zero() -> Self {
        Self::from(0)
    }
    fn plus(self, other: Self) -> Self {
        self + other
    }
    fn shifted(self) -> Self {
        self * Self::from(1_u64 << 32)
    }
    fn mean(&self, count: u64) -> f64 {
        (self / Self::from(count)).to_f64().unwrap_or(f64::NAN)
    }
    fn out(self) -> Result<Self, String> {
        Ok(self)
    }
    fn read<DB: Dialect>(value: DB::RawValue<'_>) -> Result<Self, BoxError> {
        DB::read_decimal(value)
    }
}

/// Numbers that can be added up: the whole numbers of Rust up to 64 bits, `f32` and `f64`
#[diagnostic::on_unimplemented(
    message = "values of `{Self}` cannot be added up",
    label = "no field of numbers",
    note = "`sum` and `avg` take a field of i16, i32, i64, f32, f64 or (with the feature \"numeric\") BigDecimal, nullable or not; of another type give diesel's column, \
            whose SQL type counts (`.sum(orders::amount)`), or add up in Rust (`.sum_by(|order| …)`)"
)]
pub trait Number: Clone + Send + 'static {
    /// In what they are added up
    type Total: Total;
    #[doc(hidden)]
    fn total(&self) -> Self::Total;
}

macro_rules! numbers {
    ($($total:ty: $($number:ty),*;)*) => {$($(
        impl Number for $number {
            type Total = $total;
            fn total(&self) -> $total {
                (*self).into()
            }
        }
    )*)*};
}
numbers! {
    i128: i8, i16, i32, i64, u8, u16, u32, u64;
    f64: f32, f64;
}

#[cfg(feature = "numeric")]
impl Number for BigDecimal {
    type Total = Self;
    fn total(&self) -> Self {
        self.clone()
    }
}

/// SQL types of numbers, for expressions: whole numbers give an `i64`, floating-point numbers an `f64`
#[diagnostic::on_unimplemented(
    message = "an expression of the SQL type `{Self}` cannot be aggregated",
    label = "no expression of numbers",
    note = "it has to be of `SmallInt`, `Integer`, `BigInt`, `Float`, `Double` or (with the feature \"numeric\") `Numeric`, nullable or not; of another type name a field of \
            the model, or say what it is to be: `sql::<Double>(\"…\")`"
)]
pub trait SqlNumber {
    /// In what they are added up
    type Total: Total;
}

macro_rules! sql_numbers {
    ($($total:ty: $($sql:ident),*;)*) => {$($(
        impl SqlNumber for sql_types::$sql {
            type Total = $total;
        }
    )*)*};
}
sql_numbers! {
    i128: SmallInt, Integer, BigInt;
    f64: Float, Double;
}
#[cfg(feature = "numeric")]
sql_numbers! {
    BigDecimal: Numeric;
}
#[cfg(feature = "mysql")]
sql_numbers! {
    i128: TinyInt;
}
#[cfg(feature = "mysql")]
impl<ST: SqlNumber<Total = i128>> SqlNumber for sql_types::Unsigned<ST> {
    type Total = i128;
}
impl<ST: SqlNumber + SqlType<IsNull = is_nullable::NotNull>> SqlNumber for sql_types::Nullable<ST> {
    type Total = ST::Total;
}
