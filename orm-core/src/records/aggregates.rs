//! Aggregates over the members of a link: `order_ids().sum(Order::AMOUNT)`, of a field or of a diesel expression.

use std::panic::Location;

use crate::env::watch::Place;
use crate::records::Model;
use crate::records::aggregable::{Compared, Counted, Summed, Tally};
use crate::records::measured::{Companion, Count, Extreme, Len, Measured, Others, Sum};
use crate::records::numbers::Total;
use crate::{Result, ToMany};

impl<M: Model> ToMany<'_, M> {
    /// The sum of a field of the members, or of a diesel expression over their columns; of none it is 0
    ///
    /// NULLs do not count. Whole numbers of any size give an `i64`, floating-point numbers an `f64`. The database adds up, for
    /// all records of the set at once (one grouped SELECT for 1,000), and no members are loaded; where the list and the
    /// field of all members are cached, they are added up here. What it comes to is kept until something changes that it follows
    /// from. Of a set's links each member counts once.
    ///
    /// ```
    /// # use diesel::prelude::*;
    /// # use orm_core::prelude::*;
    /// # diesel::table! { partners { id -> Integer } }
    /// # diesel::table! { orders { id -> Integer, partner_id -> Integer, price -> Integer, quantity -> Integer } }
    /// # #[derive(Model)] struct Partner { id: i32, #[model(inverse = Order::PARTNER_ID)] order_ids: OneToMany<Order> }
    /// # #[derive(Model)] struct Order { id: i32, partner_id: Id<Partner>, price: i32, quantity: i32 }
    /// fn sold(partner: &Record<Partner>) -> orm_core::Result<(i64, i64)> {
    ///     let pieces = partner.order_ids().sum(Order::QUANTITY)?;
    ///     let worth = partner.order_ids().sum(orders::price * orders::quantity)?;
    ///     Ok((pieces, worth))
    /// }
    /// # fn main() {}
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Overflow`](crate::Error::Overflow) where the sum of whole numbers is no `i64`; [`Error::InvalidValue`](crate::Error::InvalidValue) where a column holds what is no
    /// number; those of reading the links, and of the database.
    #[track_caller]
    pub fn sum<S: Summed<M>>(&self, what: S) -> Result<<S::Total as Total>::Out> {
        sum(what).ask(self, Others::none(), Location::caller())
    }

    /// The mean of a field of the members, or of a diesel expression over their columns; `None` of no values
    ///
    /// As [`sum`](Self::sum), divided by how many values there are: exact up to the division, whatever the database makes of
    /// the mean of integers.
    ///
    /// # Errors
    ///
    /// As [`sum`](Self::sum), but that none is too large.
    #[track_caller]
    pub fn avg<S: Summed<M>>(&self, what: S) -> Result<Option<f64>> {
        avg(what).ask(self, Others::none(), Location::caller())
    }

    /// The least value of a field of the members, or of a diesel expression of numbers over their columns; `None` of no values
    ///
    /// By the order of the database: a text's is that of its collation. Asked and kept as [`sum`](Self::sum) is; numbers that
    /// are cached are compared here.
    ///
    /// # Errors
    ///
    /// Those of reading the links, and of the database.
    #[track_caller]
    pub fn min<S: Compared<M>>(&self, what: S) -> Result<Option<S::Value>> {
        min(what).ask(self, Others::none(), Location::caller())
    }

    /// The greatest value, as [`min`](Self::min) gives the least
    ///
    /// # Errors
    ///
    /// As [`min`](Self::min).
    #[track_caller]
    pub fn max<S: Compared<M>>(&self, what: S) -> Result<Option<S::Value>> {
        max(what).ask(self, Others::none(), Location::caller())
    }

    /// How many members a condition on their columns holds for
    ///
    /// Asked and kept as [`sum`](Self::sum) is, by the condition's text and values. A value whose `Debug` is not that of a number, a
    /// text, a truth, a date or a UUID may hide what it is: then nothing is kept, and each call asks.
    ///
    /// ```
    /// # use diesel::prelude::*;
    /// # use orm_core::prelude::*;
    /// # diesel::table! { partners { id -> Integer } }
    /// # diesel::table! { orders { id -> Integer, partner_id -> Integer, state -> Text } }
    /// # #[derive(Model)] struct Partner { id: i32, #[model(inverse = Order::PARTNER_ID)] order_ids: OneToMany<Order> }
    /// # #[derive(Model)] struct Order { id: i32, partner_id: Id<Partner>, state: String }
    /// fn busy(partners: &RecordSet<Partner>) -> orm_core::Result<usize> {
    ///     let open = |partner: &Record<Partner>| partner.order_ids().count_where(orders::state.eq("open"));
    ///     Ok(partners.filter(|partner| Ok(open(partner)? > 0))?.len())
    /// }
    /// # fn main() {}
    /// ```
    ///
    /// # Errors
    ///
    /// Those of reading the links, and of the database.
    #[track_caller]
    pub fn count_where<F: Counted<M>>(&self, condition: F) -> Result<usize> {
        count_where(condition).ask(self, Others::none(), Location::caller())
    }

    /// Several aggregates with one SELECT, as a tuple of what each of them gives
    ///
    /// What they are is said by the functions of [`aggregate`](crate::aggregate). Each is kept as if it had been asked for alone, and is the same to the letter; of
    /// those that are not cached, one SELECT brings all for the group. A sum, a mean, a least or a greatest value brings the number of members
    /// along even when it is asked for alone: a `len()` after it asks nothing.
    ///
    /// ```
    /// # use diesel::prelude::*;
    /// # use orm_core::prelude::*;
    /// # diesel::table! { partners { id -> Integer } }
    /// # diesel::table! { orders { id -> Integer, partner_id -> Integer, amount -> BigInt, placed_on -> Text } }
    /// # #[derive(Model)] struct Partner { id: i32, #[model(inverse = Order::PARTNER_ID)] order_ids: OneToMany<Order> }
    /// # #[derive(Model)] struct Order { id: i32, partner_id: Id<Partner>, amount: i64, placed_on: String }
    /// use orm_core::aggregate::{count, max, sum};
    ///
    /// fn lines(partners: &RecordSet<Partner>) -> orm_core::Result<Vec<String>> {
    ///     let mut lines = Vec::new();
    ///     for partner in partners {
    ///         let wanted = (count(), sum(Order::AMOUNT), max(Order::PLACED_ON));
    ///         let (number, total, last) = partner.order_ids().aggregate(wanted)?;
    ///         lines.push(format!("{number} orders, {total} in all, the last {last:?}"));
    ///     }
    ///     Ok(lines)
    /// }
    /// # fn main() {}
    /// ```
    ///
    /// # Errors
    ///
    /// Those of each of them.
    #[track_caller]
    pub fn aggregate<X: Aggregates<M>>(&self, what: X) -> Result<X::Out> {
        what.ask_all(self, Location::caller())
    }
}

/// One of the aggregates that [`aggregate`](ToMany::aggregate) can be asked for, made by the functions of [`aggregate`](crate::aggregate)
pub trait Aggregated<M: Model> {
    /// What it gives
    type Out;
    #[doc(hidden)]
    fn ask(&self, links: &ToMany<'_, M>, others: Others<'_, M>, place: Place) -> Result<Self::Out>;
    #[doc(hidden)]
    fn as_companion(&self) -> &dyn Companion<M>;
}

impl<M: Model, S: Summed<M>> Aggregated<M> for Measured<Sum<S, false>> {
    type Out = <S::Total as Total>::Out;

    fn ask(&self, links: &ToMany<'_, M>, others: Others<'_, M>, place: Place) -> Result<Self::Out> {
        let tally = links.measured(self, others, place)?;
        tally.total.out().map_err(|sum| links.overflow(&sum, place))
    }

    fn as_companion(&self) -> &dyn Companion<M> {
        self
    }
}

impl<M: Model, S: Summed<M>> Aggregated<M> for Measured<Sum<S, true>> {
    type Out = Option<f64>;

    fn ask(&self, links: &ToMany<'_, M>, others: Others<'_, M>, place: Place) -> Result<Self::Out> {
        let Tally { total, count } = links.measured(self, others, place)?;
        Ok((count > 0).then(|| total.mean(count)))
    }

    fn as_companion(&self) -> &dyn Companion<M> {
        self
    }
}

impl<M: Model, S: Compared<M>, const GREATEST: bool> Aggregated<M> for Measured<Extreme<S, GREATEST>> {
    type Out = Option<S::Value>;

    fn ask(&self, links: &ToMany<'_, M>, others: Others<'_, M>, place: Place) -> Result<Self::Out> {
        let found = links.measured(self, others, place)?;
        found.map(S::value).transpose().map_err(|value| links.overflow(&value, place))
    }

    fn as_companion(&self) -> &dyn Companion<M> {
        self
    }
}

impl<M: Model, F: Counted<M>> Aggregated<M> for Measured<Count<F>> {
    type Out = usize;

    fn ask(&self, links: &ToMany<'_, M>, others: Others<'_, M>, place: Place) -> Result<usize> {
        Ok(links.measured(self, others, place)? as usize)
    }

    fn as_companion(&self) -> &dyn Companion<M> {
        self
    }
}

impl<M: Model> Aggregated<M> for Len {
    type Out = usize;

    /// What it is asked for with brings it along.
    fn ask(&self, links: &ToMany<'_, M>, others: Others<'_, M>, place: Place) -> Result<usize> {
        if let Some(count) = links.handle().known_count()? {
            return Ok(count);
        }
        for (first, others) in others.each() {
            if first.look_up(links, others, place)? {
                break;
            }
        }
        links.handle().member_count(place)
    }

    fn as_companion(&self) -> &dyn Companion<M> {
        self
    }
}

/// A tuple of aggregates over members of `M`
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no tuple of aggregates over records of `{M}`",
    label = "not what `aggregate` takes",
    note = "give a tuple of two to six of what the functions of `orm_core::aggregate` make: `.aggregate((count(), sum(Order::AMOUNT)))`; \
            one alone has a method of its own: `.sum(Order::AMOUNT)`"
)]
pub trait Aggregates<M: Model> {
    /// What each of them gives
    type Out;
    #[doc(hidden)]
    fn ask_all(&self, links: &ToMany<'_, M>, place: Place) -> Result<Self::Out>;
}

macro_rules! tuples {
    ($($($one:ident $at:tt),*;)*) => {$(
        impl<M: Model, $($one: Aggregated<M>),*> Aggregates<M> for ($($one,)*) {
            type Out = ($($one::Out,)*);

            fn ask_all(&self, links: &ToMany<'_, M>, place: Place) -> Result<Self::Out> {
                let all = [$(self.$at.as_companion()),*];
                Ok(($(self.$at.ask(links, Others::of(&all, $at), place)?,)*))
            }
        }
    )*};
}
tuples! {
    A 0, B 1;
    A 0, B 1, C 2;
    A 0, B 1, C 2, D 3;
    A 0, B 1, C 2, D 3, E 4;
    A 0, B 1, C 2, D 3, E 4, F 5;
}

/// How many members there are, as `len()` says
#[must_use]
pub fn count() -> Len {
    Len
}

/// How many members a condition holds for: [`ToMany::count_where`]
#[must_use]
pub fn count_where<F>(condition: F) -> Measured<Count<F>> {
    Measured(Count(condition))
}

/// The sum of a field or an expression: [`ToMany::sum`]
#[must_use]
pub fn sum<S>(what: S) -> Measured<Sum<S, false>> {
    Measured(Sum(what))
}

/// The mean: [`ToMany::avg`]
#[must_use]
pub fn avg<S>(what: S) -> Measured<Sum<S, true>> {
    Measured(Sum(what))
}

/// The least value: [`ToMany::min`]
#[must_use]
pub fn min<S>(what: S) -> Measured<Extreme<S, false>> {
    Measured(Extreme(what))
}

/// The greatest value: [`ToMany::max`]
#[must_use]
pub fn max<S>(what: S) -> Measured<Extreme<S, true>> {
    Measured(Extreme(what))
}
