// @generated automatically by Diesel CLI.

diesel::table! { actor (actor_id) { actor_id -> Integer, first_name -> Text, last_name -> Text, last_update -> Timestamp } }
diesel::table! { category (category_id) { category_id -> SmallInt, name -> Text } }
diesel::table! { city (city_id) { city_id -> Integer, #[sql_name = "city"] name -> Text, country_id -> Integer } }
diesel::table! { country (country_id) { country_id -> Integer, #[sql_name = "country"] name -> Text } }
diesel::table! { language (language_id) { language_id -> SmallInt, name -> Text } }

diesel::table! {
    address (address_id) {
        address_id -> Integer,
        #[sql_name = "address"]
        street -> Text,
        district -> Text,
        city_id -> Integer,
        phone -> Text,
    }
}

diesel::table! {
    /// Two links to one table, which diesel does not declare
    film (film_id) {
        film_id -> Integer,
        title -> Text,
        /// What it is about
        description -> Nullable<Text>,
        language_id -> SmallInt,
        original_language_id -> Nullable<SmallInt>,
        rental_rate -> Double,
        length -> Nullable<SmallInt>,
        poster -> Nullable<Binary>,
    }
}

diesel::table! {
    film_actor (actor_id, film_id) {
        actor_id -> Integer,
        film_id -> Integer,
        last_update -> Timestamp,
    }
}

diesel::table! { film_category (film_id, category_id) { film_id -> Integer, category_id -> SmallInt } }
diesel::table! { film_text (film_id) { film_id -> Integer, title -> Text, description -> Nullable<Text> } }

diesel::table! {
    inventory (inventory_id) {
        inventory_id -> Integer,
        film_id -> Integer,
        store_id -> Integer,
    }
}

diesel::table! {
    payment (payment_id) {
        payment_id -> BigInt,
        customer_id -> Integer,
        staff_id -> Integer,
        rental_id -> Nullable<Integer>,
        amount -> Numeric,
        payment_date -> Timestamp,
    }
}

diesel::table! {
    rental (rental_id) {
        rental_id -> Integer,
        rental_date -> Timestamp,
        inventory_id -> Integer,
        customer_id -> Integer,
        return_date -> Nullable<Timestamp>,
        staff_id -> Integer,
    }
}

diesel::table! {
    customer (customer_id) {
        customer_id -> Integer,
        store_id -> Integer,
        first_name -> Text,
        email -> Nullable<Text>,
        address_id -> Integer,
        active -> Bool,
        create_date -> Date,
    }
}

diesel::table! {
    staff (staff_id) {
        staff_id -> Integer,
        first_name -> Text,
        address_id -> Integer,
        store_id -> Integer,
        picture -> Nullable<Binary>,
    }
}

diesel::table! { store (store_id) { store_id -> Integer, manager_staff_id -> Integer, address_id -> Integer } }

diesel::joinable!(address -> city (city_id));
diesel::joinable!(city -> country (country_id));
diesel::joinable!(customer -> address (address_id));
diesel::joinable!(customer -> store (store_id));
diesel::joinable!(film_actor -> actor (actor_id));
diesel::joinable!(film_actor -> film (film_id));
diesel::joinable!(film_category -> category (category_id));
diesel::joinable!(film_category -> film (film_id));
diesel::joinable!(film_text -> film (film_id));
diesel::joinable!(inventory -> film (film_id));
diesel::joinable!(inventory -> store (store_id));
diesel::joinable!(payment -> customer (customer_id));
diesel::joinable!(payment -> rental (rental_id));
diesel::joinable!(payment -> staff (staff_id));
diesel::joinable!(rental -> customer (customer_id));
diesel::joinable!(rental -> inventory (inventory_id));
diesel::joinable!(rental -> staff (staff_id));
diesel::joinable!(staff -> address (address_id));
diesel::joinable!(store -> address (address_id));

diesel::allow_tables_to_appear_in_same_query!(
    actor, address, category, city, country, customer, film, film_actor, film_category, film_text, inventory, language, payment,
    rental, staff, store,
);
