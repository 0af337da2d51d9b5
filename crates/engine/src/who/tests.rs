use unwedge_host::{About, Evidence, Fixture, ReadSeek};

use super::*;

fn asked(text: &str, path: &str) -> Answer {
    let host = Fixture::parse(text).unwrap();
    ask(&host, &[WinPath::new(path)])
}

fn one(text: &str) -> Holder {
    let answer = asked(text, r"C:\data");
    assert_eq!(answer.told, Told::Somebody, "{answer:#?}");
    let [only] = <[Holder; 1]>::try_from(answer.holders).unwrap();
    only
}

#[test]
fn nobody_is_said_only_where_everyone_was_seen() {
    assert_eq!(asked("//- absent C:\\data\n", r"C:\data").told, Told::Nobody);
    assert_eq!(asked("//- absent C:\\data\n", r"C:\data").absent, [r"C:\data"]);
    let hidden = "//- process 7 x.exe\n//- holder process=7 path=C:\\data\\a share=none hidden\n";
    let answer = asked(hidden, r"C:\data");
    assert_eq!((answer.told, answer.holders.len()), (Told::CouldNotTell, 0));
    assert_eq!(answer.gaps.len(), 1);
    let filter = "//- holder filter=tidemark path=C:\\data\\a\n";
    assert_eq!(asked(filter, r"C:\data").told, Told::CouldNotTell);
    let task = "//- holder task=\\Tide path=C:\\data\\a.exe\n";
    assert_eq!(asked(task, r"C:\data").told, Told::Nobody, "it does not run");
}

/// A host that knows nothing of holders, as evidence that was copied from a PC.
struct Mute(About);

impl Host for Mute {
    fn about(&self) -> &About {
        &self.0
    }
    fn evidence(&self) -> unwedge_host::Result<Vec<Evidence>> {
        Ok(Vec::new())
    }
    fn open_evidence(&self, it: &Evidence) -> unwedge_host::Result<Box<dyn ReadSeek + '_>> {
        Err(unwedge_host::HostError::not_collected("open", &it.source))
    }
}

#[test]
fn evidence_that_was_brought_cannot_tell() {
    let answer = ask(&Mute(About::default()), &[WinPath::new(r"C:\data")]);
    assert_eq!((answer.told, answer.gaps.len()), (Told::CouldNotTell, 1));
    let mut turns = Turns::default();
    let held = "//- process 7 x.exe\n//- holder process=7 path=C:\\data\\a share=none\n";
    turns.turn(&asked(held, r"C:\data"));
    assert_eq!(turns.turn(&answer), [Turn::Blind], "nobody was seen to go");
}

#[test]
fn a_product_is_named_with_the_way_its_maker_pauses_it() {
    let holder = one("//- service ekrn running automatic pid=8 display=\"ESET Service\" \
         image=\"C:\\Program Files\\ESET\\ekrn.exe\"\n\
         //- holder service=ekrn path=C:\\data\\a share=none\n");
    assert_eq!(holder.products[0].vendor, "ESET");
    assert_eq!(holder.services[0].display_name.as_deref(), Some("ESET Service"));
    assert_eq!(holder.handling.owner, Owner::Security);
    assert_eq!(holder.handling.may_be_stopped, MayStop::OfficialWay);
    assert!(holder.handling.advice.contains("Pause protection"), "{}", holder.handling.advice);
    assert_eq!(holder.asked.as_deref(), Some(r"C:\data"));
}

#[test]
fn who_may_be_stopped_depends_on_what_it_is() {
    for (process, owner, may) in [
        ("4 System", Owner::Critical, MayStop::Never),
        (r"600 lsass.exe image=C:\Windows\System32\lsass.exe", Owner::Critical, MayStop::Never),
        (r"600 lsass.exe image=C:\Temp\lsass.exe", Owner::Unknown, MayStop::Unknown),
        (
            r"600 TiWorker.exe image=C:\Windows\WinSxS\a\TiWorker.exe",
            Owner::Updating,
            MayStop::Wait,
        ),
        (r"600 explorer.exe image=C:\Windows\explorer.exe", Owner::Windows, MayStop::Unknown),
        ("600 OneDrive.exe", Owner::Microsoft, MayStop::OfficialWay),
        ("600 msync.exe", Owner::Unknown, MayStop::Unknown),
    ] {
        let pid = process.split(' ').next().unwrap();
        let holder = one(&format!(
            "//- process {process}\n//- holder process={pid} path=C:\\data\\a share=none\n"
        ));
        let told = (holder.handling.owner, holder.handling.may_be_stopped);
        assert_eq!(told, (owner, may), "{process}: {}", holder.handling.advice);
    }
}

#[test]
fn services_of_windows_are_stopped_only_where_that_is_known_to_be_safe() {
    for (name, owner, may) in [
        ("wuauserv", Owner::Updating, MayStop::Yes),
        ("Spooler", Owner::Windows, MayStop::Yes),
        ("RpcSs", Owner::Windows, MayStop::Never),
        ("TidemarkAgent", Owner::Unknown, MayStop::Unknown),
    ] {
        let holder = one(&format!(
            "//- service {name} running automatic pid=9\n\
             //- holder service={name} path=C:\\data\\a share=none\n"
        ));
        let told = (holder.handling.owner, holder.handling.may_be_stopped);
        assert_eq!(told, (owner, may), "{name}: {}", holder.handling.advice);
    }
}

/// Whoever wrote a program also wrote what it says of itself: where it lies decides.
#[test]
fn pitfall_31_a_name_alone_makes_nothing_a_part_of_windows() {
    for (service, program) in [
        ("SafeUpdater", r"C:\ProgramData\x\svchost.exe"),
        ("Spooler", r"C:\ProgramData\x\spoolsv.exe"),
        ("wuauserv", r"C:\Users\a\AppData\svchost.exe"),
        ("TrustedInstaller", r"C:\Temp\TrustedInstaller.exe"),
    ] {
        let holder = one(&format!(
            "//- service {service} running automatic pid=8 \
             display=\"Microsoft Windows Update Service\" image=\"{program}\"\n\
             //- holder service={service} path=C:\\data\\a share=none\n"
        ));
        let handling = &holder.handling;
        let told = (handling.owner, handling.may_be_stopped);
        assert_eq!(told, (Owner::Unknown, MayStop::Unknown), "{program}");
    }
    let holder = one("//- service Spooler running automatic pid=8 \
                      image=C:\\Windows\\System32\\spoolsv.exe\n\
                      //- holder service=Spooler path=C:\\data\\a share=none\n");
    assert_eq!(holder.handling.owner, Owner::Windows);
}

const VEEAM: &str = "//- service VeeamEndpointBackupSvc running automatic pid=9\n\
     //- holder service=VeeamEndpointBackupSvc path=C:\\data\\a share=none\n\
     //- absent service wbengine\n//- absent service SDRSVC\n//- absent service swprv\n";

#[test]
fn a_backup_that_runs_now_is_waited_for() {
    let with = |vss: &str| asked(&format!("{VEEAM}{vss}"), r"C:\data");
    let told =
        |it: &Answer| (it.backup.as_ref().unwrap().told, it.holders[0].handling.may_be_stopped);
    let running = with("//- service VSS running manual pid=10\n");
    assert_eq!(told(&running), (Now::Running, MayStop::Wait));
    let advice = &running.holders[0].handling.advice;
    assert!(advice.contains("snapshot") && advice.contains("VSS"), "{advice}");
    let idle = with("//- service VSS stopped manual\n");
    assert_eq!(told(&idle), (Now::NoneSeen, MayStop::OfficialWay));
    let dark = with("");
    assert_eq!(told(&dark), (Now::Unknown, MayStop::OfficialWay));
    assert!(dark.holders[0].handling.advice.ends_with("is not known."));
}

#[test]
fn what_makes_backups_for_windows_is_making_one_while_it_runs() {
    for name in ["wbengine", "VSS"] {
        let holder = one(&format!(
            "//- service {name} running manual pid=9 image=C:\\Windows\\System32\\a.exe\n\
             //- holder service={name} path=C:\\data\\a share=none\n"
        ));
        let told = (holder.handling.owner, holder.handling.may_be_stopped);
        assert_eq!(told, (Owner::Backup, MayStop::Wait), "{name}: {}", holder.handling.advice);
    }
}

#[test]
fn a_service_that_was_called_for_is_at_work_and_others_ask_for_nothing() {
    let holder = one("//- service MacriumService running manual pid=9\n\
                      //- holder service=MacriumService path=C:\\data\\a share=none\n");
    assert_eq!(holder.handling.may_be_stopped, MayStop::Wait);
    let other = "//- service VSS running manual pid=10\n//- process 7 x.exe\n\
                 //- holder process=7 path=C:\\data\\a share=none\n";
    assert_eq!(asked(other, r"C:\data").backup, None);
}

#[test]
fn who_signed_is_told_of_whoever_counts_and_unknown_is_said() {
    let with = |file: &str| {
        let text = format!(
            "{file}//- process 7 x.exe image=C:\\x.exe\n\
             //- holder process=7 path=C:\\data\\a share=none\n"
        );
        one(&text).process.unwrap().signature.unwrap()
    };
    let trusted = with("//- file C:\\x.exe signed=\"Example Ltd\"\n");
    assert_eq!(trusted.standing, Standing::Trusted);
    let signer = trusted.signer.unwrap();
    assert_eq!((signer.name.as_str(), signer.is_microsoft), ("Example Ltd", false));
    assert_eq!(signer.kept_in, KeptIn::File);
    assert_eq!(with("//- file C:\\x.exe signed=A untrusted\n").standing, Standing::Untrusted);
    assert_eq!(with("//- file C:\\x.exe unsigned\n").standing, Standing::Unsigned);
    for dark in ["", "//- file C:\\x.exe\n", "//- absent C:\\x.exe\n"] {
        let told = with(dark);
        assert_eq!((told.standing, told.signer), (Standing::Unknown, None), "{dark}");
        assert!(told.why.is_some());
    }
    let loaded = "//- file C:\\x.exe unsigned\n//- process 7 x.exe image=C:\\x.exe\n\
                  //- holder process=7 path=C:\\data\\a.dll how=image\n";
    assert_eq!(asked(loaded, r"C:\data").holders[0].process.as_ref().unwrap().signature, None);
}

#[test]
fn what_keeps_nobody_out_counts_only_for_the_file_itself() {
    let text = "//- process 600 a.exe\n//- holder process=600 path=C:\\data\\a.dll how=image\n";
    let of_folder = asked(text, r"C:\data");
    assert_eq!((of_folder.told, of_folder.holders.len()), (Told::Nobody, 1));
    assert_eq!(asked(text, r"C:\data\a.dll").told, Told::Somebody);
}

#[test]
fn what_servicing_touches_follows_the_folder_of_windows() {
    let host = Fixture::parse(
        "//- reg \"HKLM\\SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion\"\n\
         SystemRoot = sz:D:\\WIN\n",
    )
    .unwrap();
    let paths = update_paths(&host);
    assert!(paths.contains(&WinPath::new(r"D:\WIN\SoftwareDistribution")), "{paths:?}");
    assert!(paths.contains(&WinPath::new(r"D:\WIN\CbsTemp")));
    assert!(paths.iter().all(|it| it.as_str().starts_with(r"D:\WIN\")));
}

#[test]
fn everyone_who_comes_and_goes_is_told_once() {
    let held = "//- process 7 x.exe\n//- holder process=7 path=C:\\data\\a share=none\n";
    let hidden = "//- process 7 x.exe\n//- holder process=7 path=C:\\data\\a share=none hidden\n";
    let free = "//- absent C:\\data\n";
    let mut turns = Turns::default();
    assert_eq!(turns.turn(&asked(free, r"C:\data")), []);
    assert!(matches!(&turns.turn(&asked(held, r"C:\data"))[..], [Turn::Came(_)]));
    assert!(turns.turn(&asked(held, r"C:\data")).is_empty() && turns.is_held());
    assert!(matches!(&turns.turn(&asked(hidden, r"C:\data"))[..], [Turn::Blind, Turn::Went(_)]));
    assert!(matches!(&turns.turn(&asked(free, r"C:\data"))[..], [Turn::Sees]));
}
