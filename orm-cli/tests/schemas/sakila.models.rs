// Written by `orm-cli models`: a draft, to be looked at and kept by hand. Text and blobs are candidates for `deferred`, a
// counter of writes for `version`, what the database makes for `read_only`.

use orm_core::prelude::*;

use super::schema::*;

/// A row of `actor`
#[derive(Debug, Model)]
#[model(table = actor)]
pub struct Actor {
    #[model(primary_key)]
    actor_id: i32,
    first_name: String,
    last_name: String,
    last_update: chrono::NaiveDateTime,
    #[model(inverse = FilmActor::ACTOR)]
    film_actor_ids: OneToMany<FilmActor>,
}

/// A row of `category`
#[derive(Debug, Model)]
#[model(table = category)]
pub struct Category {
    #[model(primary_key)]
    category_id: i16,
    name: String,
    #[model(through(film_category::category_id, film_category::film_id))]
    film_ids: ManyToMany<Film>,
}

/// A row of `city`
#[derive(Debug, Model)]
#[model(table = city)]
pub struct City {
    #[model(primary_key)]
    city_id: i32,
    name: String,
    country_id: Id<Country>,
    #[model(inverse = Address::CITY_ID)]
    address_ids: OneToMany<Address>,
}

/// A row of `country`
#[derive(Debug, Model)]
#[model(table = country)]
pub struct Country {
    #[model(primary_key)]
    country_id: i32,
    name: String,
    #[model(inverse = City::COUNTRY_ID)]
    city_ids: OneToMany<City>,
}

/// A row of `language`
#[derive(Debug, Model)]
#[model(table = language)]
pub struct Language {
    #[model(primary_key)]
    language_id: i16,
    name: String,
    #[model(inverse = Film::LANGUAGE_ID)]
    language_film_ids: OneToMany<Film>,
    #[model(inverse = Film::ORIGINAL_LANGUAGE_ID)]
    original_language_film_ids: OneToMany<Film>,
}

/// A row of `address`
#[derive(Debug, Model)]
#[model(table = address)]
pub struct Address {
    #[model(primary_key)]
    address_id: i32,
    street: String,
    district: String,
    city_id: Id<City>,
    phone: String,
    #[model(inverse = Customer::ADDRESS_ID)]
    customer_ids: OneToMany<Customer>,
    #[model(inverse = Staff::ADDRESS_ID)]
    staff_ids: OneToMany<Staff>,
    #[model(inverse = Store::ADDRESS_ID)]
    store_ids: OneToMany<Store>,
}

/// A row of `film`
#[derive(Debug, Model)]
#[model(table = film)]
pub struct Film {
    #[model(primary_key)]
    film_id: i32,
    title: String,
    description: Option<String>,
    language_id: Id<Language>, // by its name
    original_language_id: Option<Id<Language>>, // by its name
    rental_rate: f64,
    length: Option<i16>,
    poster: Option<Vec<u8>>,
    #[model(inverse = FilmActor::FILM)]
    film_actor_ids: OneToMany<FilmActor>,
    #[model(inverse = FilmText::FILM)]
    film_text: OneToOne<FilmText>,
    #[model(inverse = Inventory::FILM_ID)]
    inventory_ids: OneToMany<Inventory>,
    #[model(through(film_category::film_id, film_category::category_id))]
    category_ids: ManyToMany<Category>,
}

/// A row of `film_actor`
#[derive(Debug, Model)]
#[model(table = film_actor, primary_key(actor_id, film_id))]
pub struct FilmActor {
    actor_id: i32,
    film_id: i32,
    last_update: chrono::NaiveDateTime,
    #[model(column = actor_id)]
    actor: Id<Actor>,
    #[model(column = film_id)]
    film: Id<Film>,
}

// `film_category` is a link between `film` and `category`.

/// A row of `film_text`
#[derive(Debug, Model)]
#[model(table = film_text)]
pub struct FilmText {
    #[model(primary_key)]
    film_id: i32,
    title: String,
    description: Option<String>,
    #[model(column = film_id)]
    film: Id<Film>,
}

/// A row of `inventory`
#[derive(Debug, Model)]
#[model(table = inventory)]
pub struct Inventory {
    #[model(primary_key)]
    inventory_id: i32,
    film_id: Id<Film>,
    store_id: Id<Store>,
    #[model(inverse = Rental::INVENTORY_ID)]
    rental_ids: OneToMany<Rental>,
}

/// A row of `payment`
#[derive(Debug, Model)]
#[model(table = payment)]
pub struct Payment {
    #[model(primary_key)]
    payment_id: i64,
    customer_id: Id<Customer>,
    staff_id: Id<Staff>,
    rental_id: Option<Id<Rental>>,
    amount: bigdecimal::BigDecimal,
    payment_date: chrono::NaiveDateTime,
}

/// A row of `rental`
#[derive(Debug, Model)]
#[model(table = rental)]
pub struct Rental {
    #[model(primary_key)]
    rental_id: i32,
    rental_date: chrono::NaiveDateTime,
    inventory_id: Id<Inventory>,
    customer_id: Id<Customer>,
    return_date: Option<chrono::NaiveDateTime>,
    staff_id: Id<Staff>,
    #[model(inverse = Payment::RENTAL_ID)]
    payment_ids: OneToMany<Payment>,
}

/// A row of `customer`
#[derive(Debug, Model)]
#[model(table = customer)]
pub struct Customer {
    #[model(primary_key)]
    customer_id: i32,
    store_id: Id<Store>,
    first_name: String,
    email: Option<String>,
    address_id: Id<Address>,
    active: bool,
    create_date: chrono::NaiveDate,
    #[model(inverse = Payment::CUSTOMER_ID)]
    payment_ids: OneToMany<Payment>,
    #[model(inverse = Rental::CUSTOMER_ID)]
    rental_ids: OneToMany<Rental>,
}

/// A row of `staff`
#[derive(Debug, Model)]
#[model(table = staff)]
pub struct Staff {
    #[model(primary_key)]
    staff_id: i32,
    first_name: String,
    address_id: Id<Address>,
    store_id: Id<Store>, // by its name
    picture: Option<Vec<u8>>,
    #[model(inverse = Payment::STAFF_ID)]
    payment_ids: OneToMany<Payment>,
    #[model(inverse = Rental::STAFF_ID)]
    rental_ids: OneToMany<Rental>,
    #[model(inverse = Store::MANAGER_STAFF_ID)]
    store_ids: OneToMany<Store>,
}

/// A row of `store`
#[derive(Debug, Model)]
#[model(table = store)]
pub struct Store {
    #[model(primary_key)]
    store_id: i32,
    manager_staff_id: Id<Staff>, // by its name
    address_id: Id<Address>,
    #[model(inverse = Customer::STORE_ID)]
    customer_ids: OneToMany<Customer>,
    #[model(inverse = Inventory::STORE_ID)]
    inventory_ids: OneToMany<Inventory>,
    #[model(inverse = Staff::STORE_ID)]
    staff_ids: OneToMany<Staff>,
}
