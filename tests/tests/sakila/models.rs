//! The tables and models of the shop.

use chrono::NaiveDateTime;
use diesel::prelude::*;
use orm_core::prelude::*;

diesel::table! { language (language_id) { language_id -> Integer, name -> Text } }
diesel::table! { category (category_id) { category_id -> Integer, name -> Text } }
diesel::table! { actor (actor_id) { actor_id -> Integer, first_name -> Text, last_name -> Text } }
diesel::table! { country (country_id) { country_id -> Integer, #[sql_name = "country"] name -> Text } }
diesel::table! { city (city_id) { city_id -> Integer, #[sql_name = "city"] name -> Text, country_id -> Integer } }
diesel::table! {
    address (address_id) {
        address_id -> Integer, #[sql_name = "address"] street -> Text, district -> Text, city_id -> Integer,
        postal_code -> Nullable<Text>, phone -> Text,
    }
}
diesel::table! {
    film (film_id) {
        film_id -> Integer, title -> Text, description -> Nullable<Text>, release_year -> Nullable<Text>,
        language_id -> Integer, original_language_id -> Nullable<Integer>, rental_rate -> Double,
        length -> Nullable<SmallInt>, rating -> Nullable<Text>,
    }
}
diesel::table! { film_actor (actor_id, film_id) { actor_id -> Integer, film_id -> Integer } }
diesel::table! { film_category (film_id, category_id) { film_id -> Integer, category_id -> Integer } }
diesel::table! { store (store_id) { store_id -> Integer, manager_staff_id -> Integer, address_id -> Integer } }
diesel::table! {
    staff (staff_id) {
        staff_id -> Integer, first_name -> Text, last_name -> Text, address_id -> Integer, email -> Nullable<Text>,
        store_id -> Integer, username -> Text,
    }
}
diesel::table! {
    customer (customer_id) {
        customer_id -> Integer, store_id -> Integer, first_name -> Text, last_name -> Text, email -> Nullable<Text>,
        address_id -> Integer, active -> Text,
    }
}
diesel::table! { inventory (inventory_id) { inventory_id -> Integer, film_id -> Integer, store_id -> Integer } }
diesel::table! {
    rental (rental_id) {
        rental_id -> Integer, rental_date -> Timestamp, inventory_id -> Integer, customer_id -> Integer,
        return_date -> Nullable<Timestamp>, staff_id -> Integer,
    }
}
diesel::table! {
    payment (payment_id) {
        payment_id -> Integer, customer_id -> Integer, staff_id -> Integer, rental_id -> Nullable<Integer>,
        amount -> Double, payment_date -> Timestamp,
    }
}

#[derive(Model)]
#[model(table = language)]
pub(crate) struct Language {
    #[model(column = language_id)]
    id: i32,
    name: String,
    #[model(inverse = Film::LANGUAGE_ID)]
    film_ids: OneToMany<Film>,
    #[model(inverse = Film::ORIGINAL_LANGUAGE_ID)]
    original_film_ids: OneToMany<Film>,
}

#[derive(Model)]
#[model(table = category)]
pub(crate) struct Category {
    #[model(column = category_id)]
    id: i32,
    name: String,
    #[model(through(film_category::category_id, film_category::film_id), order = film::title.asc())]
    film_ids: ManyToMany<Film>,
}

#[derive(Model)]
#[model(table = actor)]
pub(crate) struct Actor {
    #[model(column = actor_id)]
    id: i32,
    first_name: String,
    last_name: String,
    #[model(through(film_actor::actor_id, film_actor::film_id))]
    film_ids: ManyToMany<Film>,
}

#[derive(Model)]
#[model(table = film)]
pub(crate) struct Film {
    #[model(column = film_id)]
    id: i32,
    title: String,
    #[model(deferred)]
    description: Option<String>,
    release_year: Option<String>,
    language_id: Id<Language>,
    original_language_id: Option<Id<Language>>,
    rental_rate: f64,
    length: Option<i16>,
    rating: Option<String>,
    #[model(through(film_actor::film_id, film_actor::actor_id), order = (actor::last_name, actor::first_name))]
    actor_ids: ManyToMany<Actor>,
    #[model(through(film_category::film_id, film_category::category_id))]
    category_ids: ManyToMany<Category>,
    #[model(inverse = Inventory::FILM_ID)]
    inventory_ids: OneToMany<Inventory>,
}

#[derive(Model)]
#[model(table = country)]
pub(crate) struct Country {
    #[model(column = country_id)]
    id: i32,
    name: String,
    #[model(inverse = City::COUNTRY_ID)]
    city_ids: OneToMany<City>,
}

#[derive(Model)]
#[model(table = city)]
pub(crate) struct City {
    #[model(column = city_id)]
    id: i32,
    name: String,
    country_id: Id<Country>,
    #[model(inverse = Address::CITY_ID)]
    address_ids: OneToMany<Address>,
}

#[derive(Model)]
#[model(table = address)]
pub(crate) struct Address {
    #[model(column = address_id)]
    id: i32,
    street: String,
    district: String,
    city_id: Id<City>,
    postal_code: Option<String>,
    phone: String,
    #[model(inverse = Customer::ADDRESS_ID)]
    customer_ids: OneToMany<Customer>,
}

#[derive(Model)]
#[model(table = store)]
pub(crate) struct Store {
    #[model(column = store_id)]
    id: i32,
    manager_staff_id: Id<Staff>,
    address_id: Id<Address>,
    #[model(inverse = Staff::STORE_ID)]
    staff_ids: OneToMany<Staff>,
    #[model(inverse = Customer::STORE_ID)]
    customer_ids: OneToMany<Customer>,
}

#[derive(Model)]
#[model(table = staff)]
pub(crate) struct Staff {
    #[model(column = staff_id)]
    id: i32,
    first_name: String,
    last_name: String,
    address_id: Id<Address>,
    email: Option<String>,
    store_id: Id<Store>,
    username: String,
}

#[derive(Model)]
#[model(table = customer)]
pub(crate) struct Customer {
    #[model(column = customer_id)]
    id: i32,
    store_id: Id<Store>,
    first_name: String,
    last_name: String,
    email: Option<String>,
    address_id: Id<Address>,
    active: String,
    #[model(inverse = Rental::CUSTOMER_ID)]
    rental_ids: OneToMany<Rental>,
}

#[derive(Model)]
#[model(table = inventory)]
pub(crate) struct Inventory {
    #[model(column = inventory_id)]
    id: i32,
    film_id: Id<Film>,
    store_id: Id<Store>,
    #[model(inverse = Rental::INVENTORY_ID)]
    rental_ids: OneToMany<Rental>,
}

#[derive(Model)]
#[model(table = rental)]
pub(crate) struct Rental {
    #[model(column = rental_id)]
    id: i32,
    rental_date: NaiveDateTime,
    inventory_id: Id<Inventory>,
    customer_id: Id<Customer>,
    return_date: Option<NaiveDateTime>,
    staff_id: Id<Staff>,
    #[model(inverse = Payment::RENTAL_ID)]
    payment_ids: OneToMany<Payment>,
}

#[derive(Model)]
#[model(table = payment)]
pub(crate) struct Payment {
    #[model(column = payment_id)]
    id: i32,
    customer_id: Id<Customer>,
    staff_id: Id<Staff>,
    rental_id: Option<Id<Rental>>,
    amount: f64,
    payment_date: NaiveDateTime,
}
