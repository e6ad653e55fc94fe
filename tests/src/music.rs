//! A shop for music, in the proportions of the Chinook database: four links from a customer to an artist.

use orm_core::prelude::*;

use crate::partners::series;

/// The tables
pub mod schema {
    #![allow(missing_docs)]
    diesel::table! { artists { id -> Integer, name -> Text } }
    diesel::table! { albums { id -> Integer, title -> Text, artist_id -> Integer } }
    diesel::table! { tracks { id -> Integer, name -> Text, album_id -> Integer } }
    diesel::table! { customers { id -> Integer, name -> Text, country -> Text } }
    diesel::table! { invoices { id -> Integer, customer_id -> Integer } }
    diesel::table! { lines { id -> Integer, invoice_id -> Integer, track_id -> Integer } }
}
pub use schema::*;

/// An artist
#[derive(Model)]
#[model(table = artists)]
pub struct Artist {
    id: i32,
    name: String,
    #[model(inverse = Album::ARTIST_ID)]
    albums: OneToMany<Album>,
}

/// An album
#[derive(Model)]
#[model(table = albums)]
pub struct Album {
    id: i32,
    title: String,
    artist_id: Id<Artist>,
    #[model(inverse = Track::ALBUM_ID)]
    tracks: OneToMany<Track>,
}

/// A track of an album
#[derive(Model)]
#[model(table = tracks)]
pub struct Track {
    id: i32,
    name: String,
    album_id: Id<Album>,
    #[model(inverse = Line::TRACK_ID)]
    lines: OneToMany<Line>,
}

/// A customer
#[derive(Model)]
#[model(table = customers)]
pub struct Customer {
    id: i32,
    name: String,
    country: String,
    #[model(inverse = Invoice::CUSTOMER_ID)]
    invoices: OneToMany<Invoice>,
}

/// An invoice
#[derive(Model)]
#[model(table = invoices)]
pub struct Invoice {
    id: i32,
    customer_id: Id<Customer>,
    #[model(inverse = Line::INVOICE_ID)]
    lines: OneToMany<Line>,
}

/// A line of an invoice
#[derive(Model)]
#[model(table = lines)]
pub struct Line {
    id: i32,
    invoice_id: Id<Invoice>,
    track_id: Id<Track>,
}

/// How many rows of each
#[derive(Debug, Clone, Copy)]
pub struct Size {
    /// Artists
    pub artists: usize,
    /// Albums, spread over the artists
    pub albums: usize,
    /// Tracks, spread over the albums
    pub tracks: usize,
    /// Customers of 24 countries
    pub customers: usize,
    /// Invoices, spread over the customers
    pub invoices: usize,
    /// Lines, spread over invoices and tracks
    pub lines: usize,
}

/// The Chinook database's
pub const CHINOOK: Size =
    Size { artists: 275, albums: 347, tracks: 3_503, customers: 59, invoices: 412, lines: 2_240 };

/// The SQL of a shop of this size; what belongs to whom is scattered, as it is in real data
pub fn sql(size: Size) -> String {
    let Size { artists, albums, tracks, customers, invoices, lines } = size;
    format!(
        "CREATE TABLE artists (id INTEGER PRIMARY KEY NOT NULL, name TEXT NOT NULL);
         CREATE TABLE albums (id INTEGER PRIMARY KEY NOT NULL, title TEXT NOT NULL, artist_id INTEGER NOT NULL);
         CREATE TABLE tracks (id INTEGER PRIMARY KEY NOT NULL, name TEXT NOT NULL, album_id INTEGER NOT NULL);
         CREATE TABLE customers (id INTEGER PRIMARY KEY NOT NULL, name TEXT NOT NULL, country TEXT NOT NULL);
         CREATE TABLE invoices (id INTEGER PRIMARY KEY NOT NULL, customer_id INTEGER NOT NULL);
         CREATE TABLE lines (id INTEGER PRIMARY KEY NOT NULL, invoice_id INTEGER NOT NULL, track_id INTEGER NOT NULL);
         CREATE INDEX albums_artist ON albums (artist_id);
         CREATE INDEX tracks_album ON tracks (album_id);
         CREATE INDEX invoices_customer ON invoices (customer_id);
         CREATE INDEX lines_invoice ON lines (invoice_id);
         CREATE INDEX lines_track ON lines (track_id);
         INSERT INTO artists SELECT value, 'Artist ' || value FROM {};
         INSERT INTO albums SELECT value, 'Album ' || value, 1 + (value * 7919 + value / 7) % {artists} FROM {};
         INSERT INTO tracks SELECT value, 'Track ' || value, 1 + (value * 7919 + value / 5) % {albums} FROM {};
         INSERT INTO customers SELECT value, 'Customer ' || value, 'Country ' || (value % 24) FROM {};
         INSERT INTO invoices SELECT value, 1 + (value * 7919 + value / 7) % {customers} FROM {};
         INSERT INTO lines SELECT value, 1 + (value * 7919 + value / 11) % {invoices}, 1 + (value * 104729 + value / 3) % {tracks} FROM {};",
        series(artists),
        series(albums),
        series(tracks),
        series(customers),
        series(invoices),
        series(lines),
    )
}
