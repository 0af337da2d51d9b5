use std::sync::LazyLock;

use proptest::prelude::*;

use super::write::{DirtyHive, HiveBuilder, ListForm};
use super::*;

/// Asks a hive for everything it can be asked for.
fn read_all(bytes: &[u8], logs: &[&[u8]]) -> usize {
    let Ok(hive) = Hive::open(bytes, logs) else { return 0 };
    let mut count = hive.gaps().len();
    let mut values_left = 10_000;
    hive.walk(|key| {
        count += key.name().len();
        if values_left > 0 {
            let values = key.values();
            values_left -= values.items.len().min(values_left);
            count += values.items.iter().take(100).filter(|it| it.data().is_ok()).count();
        }
    });
    let _ = (hive.kind(), hive.key(r"Select\Current"), hive.key("ControlSet001").is_ok());
    count
}

fn sample(form: ListForm) -> HiveBuilder {
    let mut hive = HiveBuilder::new();
    hive.list_form(form)
        .value("Select", "Current", &Data::Dword(1))
        .value(r"ControlSet001\Services\Vault", "Start", &Data::Dword(2))
        .value(r"ControlSet001\Services\Vault", "ImagePath", &Data::ExpandSz(r"%x%\v.sys".into()))
        .value(r"ControlSet001\Control\Ümlaut Ж", "", &Data::Sz("default".into()))
        .value("Big", "data", &Data::Binary((0..40_000_u32).map(|it| it as u8).collect()));
    for number in 0..1200 {
        hive.key(&format!(r"ControlSet001\Many\Key{number}"));
    }
    hive
}

#[test]
fn what_is_written_is_read_again_in_every_form_of_list() {
    for form in [ListForm::Plain, ListForm::Letters, ListForm::Hashes] {
        let bytes = sample(form).hive();
        let hive = Hive::open(bytes.as_slice(), &[]).unwrap();
        assert_eq!((hive.kind(), hive.freshness()), (Kind::System, Freshness::Clean));
        let vault = hive.key(r"controlset001\SERVICES\vault").unwrap().unwrap();
        assert_eq!(vault.name(), "Vault");
        let start = vault.value("START").unwrap().unwrap();
        assert_eq!(start.data().unwrap(), Data::Dword(2));
        let many = hive.key(r"ControlSet001\Many").unwrap().unwrap();
        assert_eq!(many.subkeys().items.len(), 1200);
        assert!(many.subkey("key1199").unwrap().is_some());
        assert!(many.subkey("key1200").unwrap().is_none());
        let wide = hive.key(r"ControlSet001\Control\ümlaut ж").unwrap().unwrap();
        assert_eq!(wide.value("").unwrap().unwrap().data().unwrap(), Data::Sz("default".into()));
        let big = hive.key("Big").unwrap().unwrap().value("data").unwrap().unwrap();
        assert_eq!(big.bytes().unwrap().len(), 40_000);
        assert!(hive.gaps().is_empty() && hive.walk(|_| ()).is_empty());
    }
}

#[test]
fn both_kinds_of_log_bring_a_hive_up_to_date() {
    let before = sample(ListForm::Hashes);
    let mut after = before.clone();
    after.value(r"ControlSet001\Services\New", "Start", &Data::Dword(1));
    for number in 0..300 {
        after.value("Grown", &format!("v{number}"), &Data::Sz("x".repeat(100)));
    }
    for dirty in [before.dirty_with_entries(&after), before.dirty_with_pages(&after)] {
        let stale = Hive::open(dirty.hive.as_slice(), &[]).unwrap();
        assert_eq!(stale.freshness(), Freshness::Stale);
        assert_eq!(stale.gaps().len(), 1);
        assert!(stale.key(r"ControlSet001\Services\New").unwrap().is_none());
        let fresh = Hive::open(dirty.hive.as_slice(), &[b"no log", &dirty.log]).unwrap();
        assert!(matches!(fresh.freshness(), Freshness::Replayed { .. }));
        assert!(fresh.key(r"ControlSet001\Services\New").unwrap().is_some());
        assert_eq!(fresh.key("Grown").unwrap().unwrap().values().items.len(), 300);
        assert!(fresh.walk(|_| ()).is_empty());
        assert!(Hive::open(dirty.log.as_slice(), &[]).is_err(), "a log is no hive");
    }
}

#[test]
fn entries_behind_a_broken_one_are_not_applied() {
    let before = sample(ListForm::Hashes);
    let mut after = before.clone();
    for number in 0..300 {
        after.value("Grown", &format!("v{number}"), &Data::Sz("x".repeat(100)));
    }
    let mut dirty = before.dirty_with_entries(&after);
    let whole = Hive::open(dirty.hive.as_slice(), &[&dirty.log]).unwrap().freshness();
    let last = dirty.log.len() - 1;
    dirty.log[last] ^= 1;
    let broken = Hive::open(dirty.hive.as_slice(), &[&dirty.log]).unwrap().freshness();
    let (Freshness::Replayed { entries: all }, Freshness::Replayed { entries: some }) =
        (whole, broken)
    else {
        panic!("{whole:?} {broken:?}")
    };
    assert_eq!(all, some + 1);
}

#[test]
fn a_hive_that_is_clean_ignores_what_its_logs_still_hold() {
    let before = sample(ListForm::Hashes);
    let mut after = before.clone();
    after.key("Later");
    let log = before.dirty_with_entries(&after).log;
    let clean = before.hive();
    let hive = Hive::open(clean.as_slice(), &[&log]).unwrap();
    assert_eq!(hive.freshness(), Freshness::Clean);
    assert!(hive.key("Later").unwrap().is_none());
}

#[test]
fn keys_of_a_damaged_list_are_found_by_their_parent() {
    let mut bytes = sample(ListForm::Hashes).hive();
    let at = bytes.windows(2).position(|it| it == b"ri").unwrap();
    bytes[at] = b'?';
    let hive = Hive::open(bytes.as_slice(), &[]).unwrap();
    let many = hive.key(r"ControlSet001\Many").unwrap().unwrap();
    let below = many.subkeys();
    assert_eq!(below.items.len(), 1200);
    assert!(below.gaps.last().unwrap().why.to_string().contains("1200 keys found"));
    assert!(many.subkey("Key7").unwrap().is_some());
    assert!(many.subkey("Key1200").is_err(), "what damage may hide is not known to be absent");
}

#[test]
fn a_damaged_list_that_all_keys_share_ends_soon() {
    let mut bytes = sample(ListForm::Hashes).hive();
    let list = bytes.len() as u32 - BASE_BYTES as u32;
    // A bin with one list of 65,535 lists that are none.
    let mut bin = b"hbin".to_vec();
    bin.resize(32, 0);
    bin.extend_from_slice(&(-262_144_i32).to_le_bytes());
    bin.extend_from_slice(b"ri\xff\xff");
    bin.resize(32 + 262_144, 0x40);
    bytes.extend_from_slice(&bin);
    let keys: Vec<usize> = (BASE_BYTES..bytes.len() - bin.len())
        .step_by(8)
        .filter(|at| &bytes[at + 4..at + 6] == b"nk" && bytes[at + 24..at + 28] == [0; 4])
        .collect();
    for at in keys {
        bytes[at + 24..at + 28].copy_from_slice(&u32::MAX.to_le_bytes());
        bytes[at + 32..at + 36].copy_from_slice(&(list + 32).to_le_bytes());
    }
    let hive = Hive::open(bytes.as_slice(), &[]).unwrap();
    let mut count = 0;
    assert!(!hive.walk(|_| count += 1).is_empty());
    assert!(count > 1200, "{count}");
    let leaf = hive.key(r"ControlSet001\Many\Key7").unwrap().unwrap();
    assert!(leaf.subkeys().gaps.len() < 100);
}

#[test]
fn a_lost_root_is_found_by_its_mark() {
    let mut bytes = sample(ListForm::Hashes).hive();
    bytes[36..40].copy_from_slice(&0x7777_u32.to_le_bytes());
    let hive = Hive::open(bytes.as_slice(), &[]).unwrap();
    assert_eq!(hive.kind(), Kind::System);
    assert!(hive.gaps().iter().any(|gap| gap.what == "root key"));
}

#[test]
fn empty_strings_inside_a_list_of_strings_are_kept() {
    let renames = vec![r"\??\C:\a".to_owned(), String::new(), r"\??\C:\b".into(), String::new()];
    let (kind, bytes) = Data::MultiSz(renames.clone()).stored();
    assert_eq!(Data::read(kind, &bytes), Data::MultiSz(renames));
}

#[test]
fn a_truncated_hive_is_read_as_far_as_it_goes() {
    let bytes = sample(ListForm::Hashes).hive();
    let hive = Hive::open(&bytes[..bytes.len() / 2], &[]).unwrap();
    assert!(hive.gaps().iter().any(|gap| gap.why == GapReason::Truncated));
    assert!(hive.key_count() > 1);
}

static DIRTY: LazyLock<DirtyHive> = LazyLock::new(|| {
    let before = sample(ListForm::Hashes);
    let mut after = before.clone();
    after.value(r"ControlSet001\Services\New", "Start", &Data::Dword(1));
    before.dirty_with_entries(&after)
});

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_bytes_are_read_without_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..20_000)) {
        read_all(&bytes, &[&bytes]);
        if let Some(head) = bytes.get_mut(..4) {
            head.copy_from_slice(b"regf");
            read_all(&bytes, &[&bytes]);
        }
    }

    #[test]
    fn any_damage_is_read_without_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u32>()), 1..60),
        cut in any::<prop::sample::Index>(),
    ) {
        let DirtyHive { mut hive, mut log } = DIRTY.clone();
        let words: Vec<usize> = (0..hive.len() / 4).filter(|it| hive[it * 4..][..4] != [0; 4]).collect();
        for (at, word) in changes {
            let at = words[at.index(words.len())] * 4;
            // Small numbers are offsets of this very hive, and the most harmful.
            let word = if word % 2 == 0 { word % 200_000 } else { word };
            hive[at..at + 4].copy_from_slice(&word.to_le_bytes());
        }
        read_all(&hive, &[&log]);
        let at = cut.index(log.len());
        log[at] ^= 0x55;
        read_all(&hive[..cut.index(hive.len())], &[&log]);
    }
}
