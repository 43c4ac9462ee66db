//! Bytes that each table takes in a file of views: `cargo run --release --example table_sizes -- FILE`.
#![allow(clippy::print_stdout)]

use redb::{ReadableDatabase, ReadableTableMetadata, TableHandle};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("give the file")?;
    let database = redb::Builder::new().open_read_only(&path)?;
    let txn = database.begin_read()?;
    println!("{:<22} {:>10} {:>12} {:>12} {:>12}", "table", "entries", "stored", "metadata", "unused");
    for table in txn.list_tables()? {
        let name = table.name().to_owned();
        let tree = txn.open_untyped_table(table)?;
        let (stats, entries) = (tree.stats()?, tree.len()?);
        println!(
            "{name:<22} {entries:>10} {:>12} {:>12} {:>12}",
            stats.stored_bytes(),
            stats.metadata_bytes(),
            stats.fragmented_bytes()
        );
    }
    println!("file: {} bytes", std::fs::metadata(&path)?.len());
    Ok(())
}
