// @generated automatically by Diesel CLI.

diesel::table! {
    albums (album_id) {
        album_id -> Integer,
        title -> Text,
        artist_id -> Integer,
    }
}

diesel::table! {
    artists (artist_id) {
        artist_id -> Integer,
        name -> Nullable<Text>,
    }
}

diesel::table! {
    customers (customer_id) {
        customer_id -> Integer,
        first_name -> Text,
        last_name -> Text,
        company -> Nullable<Text>,
        city -> Nullable<Text>,
        email -> Text,
        support_rep_id -> Nullable<Integer>,
    }
}

diesel::table! {
    employees (employee_id) {
        employee_id -> Integer,
        last_name -> Text,
        first_name -> Text,
        title -> Nullable<Text>,
        reports_to -> Nullable<Integer>,
        birth_date -> Nullable<Timestamp>,
        hire_date -> Nullable<Timestamp>,
    }
}

diesel::table! {
    genres (genre_id) {
        genre_id -> Integer,
        name -> Nullable<Text>,
    }
}

diesel::table! {
    invoice_items (invoice_line_id) {
        #[sql_name = "InvoiceLineId"]
        invoice_line_id -> Integer,
        invoice_id -> Integer,
        track_id -> Integer,
        unit_price -> Double,
        quantity -> Integer,
    }
}

diesel::table! {
    invoices (invoice_id) {
        invoice_id -> Integer,
        customer_id -> Integer,
        invoice_date -> Timestamp,
        billing_city -> Nullable<Text>,
        total -> Double,
    }
}

diesel::table! {
    media_types (media_type_id) {
        media_type_id -> Integer,
        name -> Nullable<Text>,
    }
}

diesel::table! {
    playlist_track (playlist_id, track_id) {
        playlist_id -> Integer,
        track_id -> Integer,
    }
}

diesel::table! {
    playlists (playlist_id) {
        playlist_id -> Integer,
        name -> Nullable<Text>,
    }
}

diesel::table! {
    tracks (track_id) {
        track_id -> Integer,
        name -> Text,
        album_id -> Nullable<Integer>,
        media_type_id -> Integer,
        genre_id -> Nullable<Integer>,
        composer -> Nullable<Text>,
        milliseconds -> Integer,
        bytes -> Nullable<Integer>,
        unit_price -> Double,
    }
}

diesel::joinable!(albums -> artists (artist_id));
diesel::joinable!(customers -> employees (support_rep_id));
diesel::joinable!(invoice_items -> invoices (invoice_id));
diesel::joinable!(invoice_items -> tracks (track_id));
diesel::joinable!(invoices -> customers (customer_id));
diesel::joinable!(playlist_track -> playlists (playlist_id));
diesel::joinable!(playlist_track -> tracks (track_id));
diesel::joinable!(tracks -> albums (album_id));
diesel::joinable!(tracks -> genres (genre_id));
diesel::joinable!(tracks -> media_types (media_type_id));

diesel::allow_tables_to_appear_in_same_query!(
    albums, artists, customers, employees, genres, invoice_items, invoices, media_types, playlist_track, playlists,
    tracks,
);
