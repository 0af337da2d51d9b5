//! Headers of databases such as DataStore.edb.

use unwedge_formats::ese::{FileKind, HeaderCopy, database as read, recognise};

/// The first bytes of a database.
pub fn database(bytes: &[u8]) {
    let kind = recognise(bytes);
    let found = read(bytes);
    assert!(kind != Some(FileKind::Database) || found.is_some());
    if let Some(found) = found {
        let first_is_there = found.copies[0] != HeaderCopy::Missing;
        assert_eq!(first_is_there, kind == Some(FileKind::Database), "{found:?}");
        assert!(found.copies != [HeaderCopy::Missing; 2], "{found:?}");
    }
}
