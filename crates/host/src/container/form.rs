//! What a file is, told by its first bytes and never by its name.

/// Bytes of a file that tell what it is: the mark of a tar archive ends at 265.
pub(super) const HEAD_BYTES: usize = 520;

/// A form in which files hold files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// RFC 1952: one compressed file.
    Gzip,
    /// The .xz file format 1.2.1: one compressed file.
    Xz,
    /// PKWARE APPNOTE 6.3.
    Zip,
    /// [MS-CAB].
    Cabinet,
    /// POSIX ustar and pax, GNU tar.
    Tar,
    /// 7-Zip's own format.
    SevenZip,
}

/// What the first bytes of a file say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Nature {
    /// It holds other files, or one other file.
    Holds(Form),
    /// It holds files, but not in a form that is read here: what it is, and what to do.
    Refused(&'static str),
    /// No container known here.
    Plain,
}

const DISK_IMAGE: &str = "a disk image: mount it and give the folder";
const WINDOWS_IMAGE: &str =
    "a Windows image (WIM): mount it (dism /Mount-Image /ReadOnly) and give the folder";
const OTHER_ARCHIVE: &str = "an archive of a kind not read here: unpack it and give the folder";

/// Marks at the very beginning of a file.
const MARKS: [(&[u8], Nature); 18] = [
    (b"\x1f\x8b", Nature::Holds(Form::Gzip)),
    (b"\xfd7zXZ\0", Nature::Holds(Form::Xz)),
    (b"PK\x03\x04", Nature::Holds(Form::Zip)),
    (b"PK\x05\x06", Nature::Holds(Form::Zip)),
    (b"MSCF", Nature::Holds(Form::Cabinet)),
    (b"7z\xbc\xaf\x27\x1c", Nature::Holds(Form::SevenZip)),
    (b"conectix", Nature::Refused(DISK_IMAGE)),
    (b"vhdxfile", Nature::Refused(DISK_IMAGE)),
    (b"EVF\x09\x0d\x0a\xff\0", Nature::Refused(DISK_IMAGE)),
    (b"EVF2\x0d\x0a\x81\0", Nature::Refused(DISK_IMAGE)),
    (b"KDMV", Nature::Refused(DISK_IMAGE)),
    (b"# Disk DescriptorFile", Nature::Refused(DISK_IMAGE)),
    (b"QFI\xfb", Nature::Refused(DISK_IMAGE)),
    (b"MSWIM\0\0\0", Nature::Refused(WINDOWS_IMAGE)),
    (b"Rar!\x1a\x07", Nature::Refused(OTHER_ARCHIVE)),
    (b"BZh", Nature::Refused(OTHER_ARCHIVE)),
    (b"\x28\xb5\x2f\xfd", Nature::Refused(OTHER_ARCHIVE)),
    (b"PK\x07\x08PK", Nature::Refused(OTHER_ARCHIVE)),
];

impl Nature {
    /// Tells it from the first [`HEAD_BYTES`].
    pub(super) fn of(head: &[u8]) -> Nature {
        if let Some((_, nature)) = MARKS.iter().find(|(mark, _)| head.starts_with(mark)) {
            return *nature;
        }
        if head.get(257..262) == Some(b"ustar") {
            return Nature::Holds(Form::Tar);
        }
        // The boot sector of a disk or of an NTFS volume, with or without a partition table.
        let boots = head.get(510..512) == Some(b"\x55\xaa");
        let is_volume = head.get(3..8) == Some(b"NTFS ") || head.get(3..8) == Some(b"-FVE-");
        let is_disk = head.first().is_some_and(|byte| [0x33, 0xeb, 0xfa, 0].contains(byte));
        if boots && (is_volume || is_disk) {
            return Nature::Refused(DISK_IMAGE);
        }
        Nature::Plain
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn disk_images_are_refused_by_what_they_are() {
        let mut boot = vec![0; 512];
        boot[..8].copy_from_slice(b"\xeb\x52\x90NTFS ");
        boot[510..].copy_from_slice(b"\x55\xaa");
        for head in [&b"conectix\0\0"[..], b"vhdxfile", b"EVF\x09\x0d\x0a\xff\0", &boot] {
            assert_eq!(Nature::of(head), Nature::Refused(DISK_IMAGE));
        }
        assert_eq!(Nature::of(b"MSWIM\0\0\0\xd0"), Nature::Refused(WINDOWS_IMAGE));
        boot[510] = 0;
        assert_eq!(Nature::of(&boot), Nature::Plain);
    }
}
