//! The names that Windows logs print in place of numbers, and how kernel statuses become Win32
//! errors.
//!
//! Only what servicing and update logs really print; the full table of codes is knowledge, not
//! format. Numbers are those of `ntstatus.h` and `winerror.h`; the third column is what
//! `RtlNtStatusToDosError` answers (Microsoft KB113996; compared with the table in a free
//! reimplementation of `ntdll`). Where the status of a newer part of Windows (side-by-side,
//! transactions, cloud files) is in neither, its Win32 twin of the same name stands.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::Code;

/// A named NTSTATUS, and the Win32 error it becomes; 0 where Windows has no closer one.
pub(super) struct Status {
    pub(super) name: &'static str,
    pub(super) value: u32,
    pub(super) win32: u16,
}

const fn status(name: &'static str, value: u32, win32: u16) -> Status {
    Status { name, value, win32 }
}

/// Sorted by value.
pub(super) const STATUSES: &[Status] = &[
    // Windows answers 31 (a device does not work), which would say more than is known.
    status("STATUS_UNSUCCESSFUL", 0xC000_0001, 0),
    status("STATUS_NOT_IMPLEMENTED", 0xC000_0002, 1),
    status("STATUS_ACCESS_VIOLATION", 0xC000_0005, 998),
    status("STATUS_INVALID_HANDLE", 0xC000_0008, 6),
    status("STATUS_INVALID_PARAMETER", 0xC000_000D, 87),
    status("STATUS_NO_SUCH_DEVICE", 0xC000_000E, 2),
    status("STATUS_NO_SUCH_FILE", 0xC000_000F, 2),
    status("STATUS_INVALID_DEVICE_REQUEST", 0xC000_0010, 1),
    status("STATUS_END_OF_FILE", 0xC000_0011, 38),
    status("STATUS_NO_MEMORY", 0xC000_0017, 8),
    status("STATUS_CONFLICTING_ADDRESSES", 0xC000_0018, 487),
    status("STATUS_ACCESS_DENIED", 0xC000_0022, 5),
    status("STATUS_BUFFER_TOO_SMALL", 0xC000_0023, 122),
    status("STATUS_OBJECT_TYPE_MISMATCH", 0xC000_0024, 6),
    status("STATUS_DISK_CORRUPT_ERROR", 0xC000_0032, 1393),
    status("STATUS_OBJECT_NAME_INVALID", 0xC000_0033, 123),
    status("STATUS_OBJECT_NAME_NOT_FOUND", 0xC000_0034, 2),
    status("STATUS_OBJECT_NAME_COLLISION", 0xC000_0035, 183),
    status("STATUS_OBJECT_PATH_INVALID", 0xC000_0039, 161),
    status("STATUS_OBJECT_PATH_NOT_FOUND", 0xC000_003A, 3),
    status("STATUS_OBJECT_PATH_SYNTAX_BAD", 0xC000_003B, 161),
    status("STATUS_DATA_ERROR", 0xC000_003E, 23),
    status("STATUS_CRC_ERROR", 0xC000_003F, 23),
    status("STATUS_SECTION_TOO_BIG", 0xC000_0040, 8),
    status("STATUS_SHARING_VIOLATION", 0xC000_0043, 32),
    status("STATUS_QUOTA_EXCEEDED", 0xC000_0044, 1816),
    status("STATUS_SECTION_PROTECTION", 0xC000_004E, 87),
    status("STATUS_EA_CORRUPT_ERROR", 0xC000_0053, 1392),
    status("STATUS_FILE_LOCK_CONFLICT", 0xC000_0054, 33),
    status("STATUS_LOCK_NOT_GRANTED", 0xC000_0055, 33),
    // Older Windows answers 5 (access denied), current ones 303; 303 says more.
    status("STATUS_DELETE_PENDING", 0xC000_0056, 303),
    status("STATUS_INVALID_OWNER", 0xC000_005A, 1307),
    status("STATUS_PRIVILEGE_NOT_HELD", 0xC000_0061, 1314),
    status("STATUS_INVALID_IMAGE_FORMAT", 0xC000_007B, 193),
    status("STATUS_RANGE_NOT_LOCKED", 0xC000_007E, 158),
    status("STATUS_DISK_FULL", 0xC000_007F, 112),
    status("STATUS_FILE_INVALID", 0xC000_0098, 1006),
    status("STATUS_INSUFFICIENT_RESOURCES", 0xC000_009A, 1450),
    status("STATUS_DEVICE_DATA_ERROR", 0xC000_009C, 23),
    status("STATUS_DEVICE_NOT_CONNECTED", 0xC000_009D, 1167),
    status("STATUS_MEDIA_WRITE_PROTECTED", 0xC000_00A2, 19),
    status("STATUS_DEVICE_NOT_READY", 0xC000_00A3, 21),
    status("STATUS_INSTANCE_NOT_AVAILABLE", 0xC000_00AB, 231),
    status("STATUS_PIPE_NOT_AVAILABLE", 0xC000_00AC, 231),
    status("STATUS_PIPE_BUSY", 0xC000_00AE, 231),
    status("STATUS_PIPE_DISCONNECTED", 0xC000_00B0, 233),
    status("STATUS_IO_TIMEOUT", 0xC000_00B5, 121),
    // Windows answers 5 here too, but nothing was a matter of rights.
    status("STATUS_FILE_IS_A_DIRECTORY", 0xC000_00BA, 0),
    status("STATUS_NOT_SUPPORTED", 0xC000_00BB, 50),
    status("STATUS_NETWORK_NAME_DELETED", 0xC000_00C9, 64),
    status("STATUS_SHARING_PAUSED", 0xC000_00CF, 70),
    status("STATUS_NOT_SAME_DEVICE", 0xC000_00D4, 17),
    status("STATUS_OPLOCK_NOT_GRANTED", 0xC000_00E2, 300),
    status("STATUS_INVALID_OPLOCK_PROTOCOL", 0xC000_00E3, 301),
    status("STATUS_INTERNAL_DB_CORRUPTION", 0xC000_00E4, 1358),
    status("STATUS_INTERNAL_ERROR", 0xC000_00E5, 1359),
    status("STATUS_UNEXPECTED_IO_ERROR", 0xC000_00E9, 0),
    status("STATUS_DIRECTORY_NOT_EMPTY", 0xC000_0101, 145),
    status("STATUS_FILE_CORRUPT_ERROR", 0xC000_0102, 1392),
    status("STATUS_NOT_A_DIRECTORY", 0xC000_0103, 267),
    status("STATUS_NAME_TOO_LONG", 0xC000_0106, 206),
    status("STATUS_TOO_MANY_OPENED_FILES", 0xC000_011F, 4),
    status("STATUS_CANCELLED", 0xC000_0120, 995),
    // Again 5: a mapped image in use, a file that is gone.
    status("STATUS_CANNOT_DELETE", 0xC000_0121, 0),
    status("STATUS_FILE_DELETED", 0xC000_0123, 0),
    status("STATUS_FILE_CLOSED", 0xC000_0128, 6),
    status("STATUS_COMMITMENT_LIMIT", 0xC000_012D, 1455),
    status("STATUS_DLL_NOT_FOUND", 0xC000_0135, 126),
    status("STATUS_ENTRYPOINT_NOT_FOUND", 0xC000_0139, 127),
    status("STATUS_DLL_INIT_FAILED", 0xC000_0142, 1114),
    // ERROR_BADDB, not the Win32 error of the same name.
    status("STATUS_REGISTRY_CORRUPT", 0xC000_014C, 1009),
    status("STATUS_REGISTRY_IO_FAILED", 0xC000_014D, 1016),
    status("STATUS_UNRECOGNIZED_VOLUME", 0xC000_014F, 1005),
    status("STATUS_NOT_REGISTRY_FILE", 0xC000_015C, 1017),
    status("STATUS_KEY_DELETED", 0xC000_017C, 1018),
    status("STATUS_NO_LOG_SPACE", 0xC000_017D, 1019),
    status("STATUS_CHILD_MUST_BE_VOLATILE", 0xC000_0181, 1021),
    status("STATUS_IO_DEVICE_ERROR", 0xC000_0185, 1117),
    status("STATUS_LOG_FILE_FULL", 0xC000_0188, 1502),
    status("STATUS_POSSIBLE_DEADLOCK", 0xC000_0194, 1131),
    status("STATUS_INVALID_LOCK_RANGE", 0xC000_01A1, 307),
    status("STATUS_CANNOT_LOAD_REGISTRY_FILE", 0xC000_0218, 0),
    status("STATUS_SYSTEM_PROCESS_TERMINATED", 0xC000_021A, 0),
    status("STATUS_NOT_FOUND", 0xC000_0225, 1168),
    status("STATUS_USER_MAPPED_FILE", 0xC000_0243, 1224),
    status("STATUS_TOO_MANY_LINKS", 0xC000_0265, 1142),
    status("STATUS_NOT_A_REPARSE_POINT", 0xC000_0275, 4390),
    status("STATUS_IO_REPARSE_TAG_INVALID", 0xC000_0276, 4393),
    status("STATUS_IO_REPARSE_TAG_MISMATCH", 0xC000_0277, 4394),
    status("STATUS_IO_REPARSE_DATA_INVALID", 0xC000_0278, 4392),
    status("STATUS_IO_REPARSE_TAG_NOT_HANDLED", 0xC000_0279, 1920),
    status("STATUS_CORRUPT_SYSTEM_FILE", 0xC000_02C4, 634),
    status("STATUS_FAILED_DRIVER_ENTRY", 0xC000_0365, 647),
    status("STATUS_DRIVER_BLOCKED_CRITICAL", 0xC000_036B, 1275),
    status("STATUS_DRIVER_BLOCKED", 0xC000_036C, 1275),
    status("STATUS_HIVE_UNLOADED", 0xC000_0425, 0),
    status("STATUS_FILE_SYSTEM_LIMITATION", 0xC000_0427, 665),
    status("STATUS_INVALID_IMAGE_HASH", 0xC000_0428, 577),
    status("STATUS_FILE_NOT_AVAILABLE", 0xC000_0467, 0),
    status("STATUS_FILE_CHECKED_OUT", 0xC000_0901, 220),
    status("STATUS_VIRUS_INFECTED", 0xC000_0906, 225),
    status("STATUS_VIRUS_DELETED", 0xC000_0907, 226),
    status("STATUS_CANNOT_BREAK_OPLOCK", 0xC000_0909, 802),
    status("STATUS_CLOUD_FILE_PROVIDER_NOT_RUNNING", 0xC000_CF01, 362),
    status("STATUS_CLOUD_FILE_IN_USE", 0xC000_CF14, 391),
    status("STATUS_CLOUD_FILE_ACCESS_DENIED", 0xC000_CF18, 395),
    status("STATUS_SXS_SECTION_NOT_FOUND", 0xC015_0001, 14000),
    status("STATUS_SXS_CANT_GEN_ACTCTX", 0xC015_0002, 14001),
    status("STATUS_SXS_ASSEMBLY_NOT_FOUND", 0xC015_0004, 14003),
    status("STATUS_SXS_MANIFEST_FORMAT_ERROR", 0xC015_0005, 14004),
    status("STATUS_SXS_MANIFEST_PARSE_ERROR", 0xC015_0006, 14005),
    status("STATUS_SXS_KEY_NOT_FOUND", 0xC015_0008, 14007),
    status("STATUS_SXS_VERSION_CONFLICT", 0xC015_0009, 14008),
    status("STATUS_SXS_ASSEMBLY_MISSING", 0xC015_000C, 14081),
    status("STATUS_SXS_CORRUPTION", 0xC015_0015, 14083),
    status("STATUS_SXS_IDENTITY_PARSE_ERROR", 0xC015_0019, 14093),
    status("STATUS_SXS_COMPONENT_STORE_CORRUPT", 0xC015_001A, 14098),
    status("STATUS_SXS_FILE_HASH_MISMATCH", 0xC015_001B, 14028),
    status("STATUS_SXS_MANIFEST_IDENTITY_SAME_BUT_CONTENTS_DIFFERENT", 0xC015_001C, 14101),
    status("STATUS_SXS_IDENTITIES_DIFFERENT", 0xC015_001D, 14102),
    status("STATUS_SXS_FILE_NOT_PART_OF_ASSEMBLY", 0xC015_001F, 14104),
    status("STATUS_ADVANCED_INSTALLER_FAILED", 0xC015_0020, 14099),
    status("STATUS_SXS_TRANSACTION_CLOSURE_INCOMPLETE", 0xC015_0024, 14107),
    status("STATUS_SMI_PRIMITIVE_INSTALLER_FAILED", 0xC015_0025, 14108),
    status("STATUS_GENERIC_COMMAND_FAILED", 0xC015_0026, 14109),
    status("STATUS_SXS_FILE_HASH_MISSING", 0xC015_0027, 14110),
    status("STATUS_TRANSACTIONAL_CONFLICT", 0xC019_0001, 6800),
    status("STATUS_INVALID_TRANSACTION", 0xC019_0002, 6700),
    status("STATUS_TRANSACTION_NOT_ACTIVE", 0xC019_0003, 6701),
    status("STATUS_RM_NOT_ACTIVE", 0xC019_0005, 6801),
    status("STATUS_RM_METADATA_CORRUPT", 0xC019_0006, 6802),
    status("STATUS_LOG_GROWTH_FAILED", 0xC019_0019, 6833),
    status("STATUS_LOG_CORRUPTION_DETECTED", 0xC019_0030, 6817),
    status("STATUS_LOG_METADATA_CORRUPT", 0xC01A_000D, 6612),
    status("STATUS_LOG_FULL", 0xC01A_001D, 6628),
    status("STATUS_FLT_DO_NOT_DETACH", 0xC01C_0010, 0),
    status("STATUS_FLT_FILTER_NOT_FOUND", 0xC01C_0013, 0),
];

/// Win32 errors by name.
pub(super) const WIN32: &[(&str, u16)] = &[
    ("ERROR_SUCCESS", 0),
    ("ERROR_INVALID_FUNCTION", 1),
    ("ERROR_FILE_NOT_FOUND", 2),
    ("ERROR_PATH_NOT_FOUND", 3),
    ("ERROR_TOO_MANY_OPEN_FILES", 4),
    ("ERROR_ACCESS_DENIED", 5),
    ("ERROR_INVALID_HANDLE", 6),
    ("ERROR_NOT_ENOUGH_MEMORY", 8),
    ("ERROR_BAD_FORMAT", 11),
    ("ERROR_INVALID_DATA", 13),
    ("ERROR_OUTOFMEMORY", 14),
    ("ERROR_NOT_SAME_DEVICE", 17),
    ("ERROR_WRITE_PROTECT", 19),
    ("ERROR_NOT_READY", 21),
    ("ERROR_CRC", 23),
    ("ERROR_WRITE_FAULT", 29),
    ("ERROR_READ_FAULT", 30),
    ("ERROR_GEN_FAILURE", 31),
    ("ERROR_SHARING_VIOLATION", 32),
    ("ERROR_LOCK_VIOLATION", 33),
    ("ERROR_HANDLE_EOF", 38),
    ("ERROR_HANDLE_DISK_FULL", 39),
    ("ERROR_NOT_SUPPORTED", 50),
    ("ERROR_FILE_EXISTS", 80),
    ("ERROR_CANNOT_MAKE", 82),
    ("ERROR_INVALID_PARAMETER", 87),
    ("ERROR_DRIVE_LOCKED", 108),
    ("ERROR_BROKEN_PIPE", 109),
    ("ERROR_OPEN_FAILED", 110),
    ("ERROR_DISK_FULL", 112),
    ("ERROR_SEM_TIMEOUT", 121),
    ("ERROR_INSUFFICIENT_BUFFER", 122),
    ("ERROR_INVALID_NAME", 123),
    ("ERROR_MOD_NOT_FOUND", 126),
    ("ERROR_PROC_NOT_FOUND", 127),
    ("ERROR_DIR_NOT_EMPTY", 145),
    ("ERROR_NOT_LOCKED", 158),
    ("ERROR_LOCK_FAILED", 167),
    ("ERROR_BUSY", 170),
    ("ERROR_ALREADY_EXISTS", 183),
    ("ERROR_BAD_EXE_FORMAT", 193),
    ("ERROR_FILENAME_EXCED_RANGE", 206),
    ("ERROR_LOCKED", 212),
    ("ERROR_VIRUS_INFECTED", 225),
    ("ERROR_VIRUS_DELETED", 226),
    ("ERROR_MORE_DATA", 234),
    ("ERROR_NO_MORE_ITEMS", 259),
    ("ERROR_DIRECTORY", 267),
    ("ERROR_OPLOCK_NOT_GRANTED", 300),
    ("ERROR_DELETE_PENDING", 303),
    ("ERROR_FAIL_NOACTION_REBOOT", 350),
    ("ERROR_CLOUD_FILE_IN_USE", 391),
    ("ERROR_INVALID_IMAGE_HASH", 577),
    ("ERROR_FILE_SYSTEM_LIMITATION", 665),
    ("ERROR_ELEVATION_REQUIRED", 740),
    ("ERROR_OPERATION_ABORTED", 995),
    ("ERROR_NOACCESS", 998),
    ("ERROR_BADDB", 1009),
    ("ERROR_REGISTRY_CORRUPT", 1015),
    ("ERROR_REGISTRY_IO_FAILED", 1016),
    ("ERROR_KEY_DELETED", 1018),
    ("ERROR_SERVICE_REQUEST_TIMEOUT", 1053),
    ("ERROR_SERVICE_ALREADY_RUNNING", 1056),
    ("ERROR_SERVICE_DISABLED", 1058),
    ("ERROR_SERVICE_DOES_NOT_EXIST", 1060),
    ("ERROR_SERVICE_NOT_ACTIVE", 1062),
    ("ERROR_PROCESS_ABORTED", 1067),
    ("ERROR_SERVICE_DEPENDENCY_FAIL", 1068),
    ("ERROR_NOT_SAFEBOOT_SERVICE", 1084),
    ("ERROR_SHUTDOWN_IN_PROGRESS", 1115),
    ("ERROR_IO_DEVICE", 1117),
    ("ERROR_POSSIBLE_DEADLOCK", 1131),
    ("ERROR_TOO_MANY_LINKS", 1142),
    ("ERROR_NOT_FOUND", 1168),
    ("ERROR_CANCELLED", 1223),
    ("ERROR_USER_MAPPED_FILE", 1224),
    ("ERROR_REQUEST_ABORTED", 1235),
    ("ERROR_RETRY", 1237),
    ("ERROR_ACCESS_DISABLED_BY_POLICY", 1260),
    ("ERROR_DRIVER_BLOCKED", 1275),
    ("ERROR_PRIVILEGE_NOT_HELD", 1314),
    ("ERROR_NONE_MAPPED", 1332),
    ("ERROR_FILE_CORRUPT", 1392),
    ("ERROR_DISK_CORRUPT", 1393),
    ("ERROR_NO_SYSTEM_RESOURCES", 1450),
    ("ERROR_COMMITMENT_LIMIT", 1455),
    ("ERROR_TIMEOUT", 1460),
    ("ERROR_XML_PARSE_ERROR", 1465),
    ("ERROR_INSTALL_FAILURE", 1603),
    ("ERROR_INSTALL_ALREADY_RUNNING", 1618),
    ("RPC_S_SERVER_UNAVAILABLE", 1722),
    ("RPC_S_CALL_FAILED", 1726),
    ("ERROR_CANT_ACCESS_FILE", 1920),
    ("ERROR_DEVICE_IN_USE", 2404),
    ("ERROR_SUCCESS_REBOOT_REQUIRED", 3010),
    ("ERROR_SUCCESS_RESTART_REQUIRED", 3011),
    ("ERROR_FAIL_REBOOT_REQUIRED", 3017),
    ("ERROR_WOF_FILE_RESOURCE_TABLE_CORRUPT", 4448),
    ("ERROR_LOG_FULL", 6628),
    ("ERROR_TRANSACTIONAL_CONFLICT", 6800),
    ("ERROR_RM_NOT_ACTIVE", 6801),
    ("ERROR_LOG_GROWTH_FAILED", 6833),
    ("ERROR_SXS_ASSEMBLY_NOT_FOUND", 14003),
    ("ERROR_SXS_MANIFEST_PARSE_ERROR", 14005),
    ("ERROR_SXS_FILE_HASH_MISMATCH", 14028),
    ("ERROR_SXS_ASSEMBLY_MISSING", 14081),
    ("ERROR_SXS_CORRUPTION", 14083),
    ("ERROR_SXS_COMPONENT_STORE_CORRUPT", 14098),
    ("ERROR_ADVANCED_INSTALLER_FAILED", 14099),
    ("ERROR_SXS_TRANSACTION_CLOSURE_INCOMPLETE", 14107),
    ("ERROR_SMI_PRIMITIVE_INSTALLER_FAILED", 14108),
    ("ERROR_GENERIC_COMMAND_FAILED", 14109),
    ("ERROR_SXS_FILE_HASH_MISSING", 14110),
];

/// HRESULTs by name.
pub(super) const HRESULTS: &[(&str, u32)] = &[
    ("S_OK", 0),
    ("S_FALSE", 1),
    ("E_PENDING", 0x8000_000A),
    ("E_NOTIMPL", 0x8000_4001),
    ("E_NOINTERFACE", 0x8000_4002),
    ("E_POINTER", 0x8000_4003),
    ("E_ABORT", 0x8000_4004),
    ("E_FAIL", 0x8000_4005),
    ("E_UNEXPECTED", 0x8000_FFFF),
    ("E_ACCESSDENIED", 0x8007_0005),
    ("E_HANDLE", 0x8007_0006),
    ("E_OUTOFMEMORY", 0x8007_000E),
    ("E_INVALIDARG", 0x8007_0057),
    ("STG_E_SHAREVIOLATION", 0x8003_0020),
    ("STG_E_LOCKVIOLATION", 0x8003_0021),
    ("REGDB_E_CLASSNOTREG", 0x8004_0154),
    ("CO_E_SERVER_EXEC_FAILURE", 0x8008_0005),
    ("TRUST_E_BAD_DIGEST", 0x8009_6010),
    ("TRUST_E_NOSIGNATURE", 0x800B_0100),
    ("CBS_E_INVALID_PACKAGE", 0x800F_0805),
    ("CBS_E_PENDING", 0x800F_0806),
    ("CBS_E_NOT_APPLICABLE", 0x800F_081E),
    ("CBS_E_SOURCE_MISSING", 0x800F_081F),
    ("CBS_E_CANCEL", 0x800F_0820),
    ("CBS_E_ABORT", 0x800F_0821),
    ("CBS_E_STORE_CORRUPTION", 0x800F_0831),
    ("CBS_E_BUSY", 0x800F_0902),
    ("CBS_E_DOWNLOAD_FAILURE", 0x800F_0906),
    ("CBS_E_HANG_DETECTED", 0x800F_0920),
    ("CBS_E_INSTALLERS_FAILED", 0x800F_0922),
    ("PSFX_E_MATCHING_BINARY_MISSING", 0x800F_0984),
    ("WU_E_DS_STOREFILELOCKED", 0x8024_800F),
];

/// What a name printed by Windows stands for. Win32 names become plain Win32 numbers.
pub(super) fn named(name: &[u8]) -> Option<Code> {
    static BY_NAME: LazyLock<HashMap<&'static [u8], Code>> = LazyLock::new(|| {
        let statuses = STATUSES.iter().map(|entry| (entry.name, entry.value));
        let win32 = WIN32.iter().map(|&(name, number)| (name, u32::from(number)));
        let all = statuses.chain(win32).chain(HRESULTS.iter().copied());
        all.map(|(name, value)| (name.as_bytes(), Code(value))).collect()
    });
    BY_NAME.get(name).copied()
}

/// The table row of an NTSTATUS.
pub(super) fn status_row(value: u32) -> Option<&'static Status> {
    let index = STATUSES.binary_search_by_key(&value, |entry| entry.value).ok()?;
    STATUSES.get(index)
}

/// The name of a Win32 error.
pub(super) fn win32_name(number: u32) -> Option<&'static str> {
    WIN32.iter().find(|&&(_, value)| u32::from(value) == number).map(|&(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_statuses_are_sorted_so_that_they_can_be_searched() {
        assert!(STATUSES.is_sorted_by(|a, b| a.value < b.value));
    }

    #[test]
    fn no_name_stands_for_two_values() {
        let mut names: Vec<&str> = STATUSES.iter().map(|entry| entry.name).collect();
        names.extend(WIN32.iter().map(|&(name, _)| name));
        names.extend(HRESULTS.iter().map(|&(name, _)| name));
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    #[test]
    fn names_are_found() {
        assert_eq!(named(b"STATUS_FILE_LOCK_CONFLICT"), Some(Code(0xC000_0054)));
        assert_eq!(named(b"ERROR_LOCK_VIOLATION"), Some(Code(33)));
        assert_eq!(named(b"ERROR_OF_MINE"), None);
    }
}
