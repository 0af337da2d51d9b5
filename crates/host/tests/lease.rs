//! Settings of Microsoft Defender on hosts that can be changed.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use unwedge_host::probe;
use unwedge_host::testing::applies_and_reverts;
use unwedge_host::{Change, Fixture, HostErrorKind, HostMut, Overlay, Setting, Tool, WinPath};

const DATABASE: &str = r"C:\Windows\SoftwareDistribution\DataStore\DataStore.edb";

fn pc(defender: &str) -> Fixture {
    Fixture::parse(&format!(
        "//- service WinDefend running automatic pid=3000 image=C:\\MsMpEng.exe protected\n\
         //- holder service=WinDefend path={DATABASE} share=none\n\
         //- update KB5034441 writes={DATABASE}\n\
         //- defender {defender}\n\
         //- file {DATABASE} hex\n00\n"
    ))
    .unwrap()
}

fn real_time(on: bool) -> Change {
    Change::Assign(Setting::RealTimeProtection { on })
}

fn exclusion(present: bool) -> Change {
    Change::Assign(Setting::Exclusion { path: WinPath::new(DATABASE), present })
}

#[test]
fn settings_of_defender_are_changed_and_put_back() {
    let own = "real_time=yes tamper_protected=no exclusion=D:\\Kept";
    let mut pc = pc(own);
    applies_and_reverts(&mut pc, &real_time(false), Fixture::text);
    applies_and_reverts(&mut pc, &exclusion(true), Fixture::text);
    let mut view = Overlay::new(&pc);
    let seen = |it: &Overlay<&Fixture>| format!("{:?}", probe::security(it));
    applies_and_reverts(&mut view, &real_time(false), seen);
    applies_and_reverts(&mut view, &exclusion(true), seen);
}

#[test]
fn pitfall_26_under_tamper_protection_a_success_changes_nothing() {
    let mut pc = pc("real_time=yes tamper_protected=yes exclusion=none");
    for change in [real_time(false), exclusion(true)] {
        pc.apply(&change).unwrap();
        assert!(!change.holds(&pc).unwrap(), "{change}");
        let mut view = Overlay::new(&pc);
        view.apply(&change).unwrap();
        assert!(!change.holds(&view).unwrap(), "{change}, in a view");
    }
}

#[test]
fn a_file_that_is_left_alone_is_not_in_the_way_any_more() {
    let retry = Change::Run(Tool::RetryUpdate { kb: None });
    for change in [real_time(false), exclusion(true)] {
        let mut pc = pc("real_time=yes exclusion=none");
        let held = |host: &dyn unwedge_host::Host| {
            probe::holders(host, &[WinPath::new(DATABASE)]).unwrap().holders.len()
        };
        assert!(pc.apply(&retry).is_err());
        assert_eq!(held(&pc), 1);
        let mut view = Overlay::new(&pc);
        view.apply(&change).unwrap();
        assert_eq!(held(&view), 0, "{change}, in a view");
        pc.apply(&change).unwrap();
        assert_eq!(held(&pc), 0, "{change}");
        pc.apply(&retry).unwrap();
    }
}

#[test]
fn what_is_not_known_of_defender_is_an_error_and_never_a_state() {
    let unknown = Fixture::parse("").unwrap();
    let silent = pc("enabled=yes");
    for host in [&unknown, &silent] {
        for change in [real_time(false), exclusion(true)] {
            assert_eq!(change.holds(host).unwrap_err().kind, HostErrorKind::NotCollected);
        }
    }
}
