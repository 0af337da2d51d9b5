//! Archives and compressed files: never more than is asked for, and no name that leads out.

use std::io::{Cursor, Read};

use unwedge_host::container::{Member, Opener, directory, members, read, walk};

/// So many bytes of all members together are read.
const MOST_BYTES: u64 = 1 << 20;
/// So many members are read one by one.
const MOST_MEMBERS: usize = 8;

/// Any file that holds files.
pub fn container(bytes: &[u8]) {
    let open: Opener<'_> = &|| Ok(Box::new(Cursor::new(bytes)));
    let mut left = MOST_BYTES;
    let walked = walk(open, &mut |member, content| {
        names_stay_inside(member);
        match content {
            Ok(reader) => {
                let read = std::io::copy(&mut reader.take(left), &mut std::io::sink());
                left = left.saturating_sub(read.unwrap_or(0));
            }
            Err(why) => assert!(!why.to_string().is_empty()),
        }
    });
    walked.expect("the file can be opened");
    let found = members(open).unwrap_or_default();
    for member in found.iter().take(MOST_MEMBERS) {
        let share = MOST_BYTES / MOST_MEMBERS as u64;
        let _ = read(open, member, |reader| {
            std::io::copy(&mut reader.take(share), &mut std::io::sink())
        });
    }
    directory(open).unwrap_or_default().iter().for_each(names_stay_inside);
}

fn names_stay_inside(member: &Member) {
    for name in member.names() {
        let leads_out = name.split('/').any(|part| part.is_empty() || part == "..");
        assert!(!leads_out && !name.contains(['\\', ':', '\0', '\n', '\r']), "{name:?}");
    }
}
