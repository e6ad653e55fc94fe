// Written by `orm-cli models`: a draft, to be looked at and kept by hand. Text and blobs are candidates for `deferred`, a
// counter of writes for `version`, what the database makes for `read_only`.

use orm_core::prelude::*;

use super::schema::*;

/// A row of `albums`
#[derive(Debug, Model)]
#[model(table = albums)]
pub struct Album {
    #[model(primary_key)]
    album_id: i32,
    title: String,
    artist_id: Id<Artist>,
    #[model(inverse = Track::ALBUM_ID)]
    track_ids: OneToMany<Track>,
}

/// A row of `artists`
#[derive(Debug, Model)]
#[model(table = artists)]
pub struct Artist {
    #[model(primary_key)]
    artist_id: i32,
    name: Option<String>,
    #[model(inverse = Album::ARTIST_ID)]
    album_ids: OneToMany<Album>,
}

/// A row of `customers`
#[derive(Debug, Model)]
#[model(table = customers)]
pub struct Customer {
    #[model(primary_key)]
    customer_id: i32,
    first_name: String,
    last_name: String,
    company: Option<String>,
    city: Option<String>,
    email: String,
    support_rep_id: Option<Id<Employee>>,
    #[model(inverse = Invoice::CUSTOMER_ID)]
    invoice_ids: OneToMany<Invoice>,
}

/// A row of `employees`
#[derive(Debug, Model)]
#[model(table = employees)]
pub struct Employee {
    #[model(primary_key)]
    employee_id: i32,
    last_name: String,
    first_name: String,
    title: Option<String>,
    reports_to: Option<i32>,
    birth_date: Option<chrono::NaiveDateTime>,
    hire_date: Option<chrono::NaiveDateTime>,
    #[model(inverse = Customer::SUPPORT_REP_ID)]
    customer_ids: OneToMany<Customer>,
}

/// A row of `genres`
#[derive(Debug, Model)]
#[model(table = genres)]
pub struct Genre {
    #[model(primary_key)]
    genre_id: i32,
    name: Option<String>,
    #[model(inverse = Track::GENRE_ID)]
    track_ids: OneToMany<Track>,
}

/// A row of `invoice_items`
#[derive(Debug, Model)]
#[model(table = invoice_items)]
pub struct InvoiceItem {
    #[model(primary_key)]
    invoice_line_id: i32,
    invoice_id: Id<Invoice>,
    track_id: Id<Track>,
    unit_price: f64,
    quantity: i32,
}

/// A row of `invoices`
#[derive(Debug, Model)]
#[model(table = invoices)]
pub struct Invoice {
    #[model(primary_key)]
    invoice_id: i32,
    customer_id: Id<Customer>,
    invoice_date: chrono::NaiveDateTime,
    billing_city: Option<String>,
    total: f64,
    #[model(inverse = InvoiceItem::INVOICE_ID)]
    invoice_item_ids: OneToMany<InvoiceItem>,
}

/// A row of `media_types`
#[derive(Debug, Model)]
#[model(table = media_types)]
pub struct MediaType {
    #[model(primary_key)]
    media_type_id: i32,
    name: Option<String>,
    #[model(inverse = Track::MEDIA_TYPE_ID)]
    track_ids: OneToMany<Track>,
}

// `playlist_track` is a link between `playlists` and `tracks`.

/// A row of `playlists`
#[derive(Debug, Model)]
#[model(table = playlists)]
pub struct Playlist {
    #[model(primary_key)]
    playlist_id: i32,
    name: Option<String>,
    #[model(through(playlist_track::playlist_id, playlist_track::track_id))]
    track_ids: ManyToMany<Track>,
}

/// A row of `tracks`
#[derive(Debug, Model)]
#[model(table = tracks)]
pub struct Track {
    #[model(primary_key)]
    track_id: i32,
    name: String,
    album_id: Option<Id<Album>>,
    media_type_id: Id<MediaType>,
    genre_id: Option<Id<Genre>>,
    composer: Option<String>,
    milliseconds: i32,
    bytes: Option<i32>,
    unit_price: f64,
    #[model(inverse = InvoiceItem::TRACK_ID)]
    invoice_item_ids: OneToMany<InvoiceItem>,
    #[model(through(playlist_track::track_id, playlist_track::playlist_id))]
    playlist_ids: ManyToMany<Playlist>,
}
