//! The scheduled task that ends a repair which was cut off, as the Task Scheduler takes it.
//!
//! Source: the schema of tasks (MS-TSCH, section 2.5), version 1.2, in the order of elements in which
//! the scheduler itself writes them.

use std::fmt::Write as _;

/// The folder of the task, and its name in it.
pub(super) const FOLDER: &str = r"\unwedge";
/// Its name.
pub(super) const NAME: &str = "recover";
/// Its sister, which tells an administrator who signs in what is going on.
pub(super) const SIGN_IN_NAME: &str = "sign-in";
/// What the program is told to do then.
const SIGN_IN_ARGUMENTS: &str = "sign-in";
/// The group of administrators, whatever Windows calls it.
const ADMINISTRATORS: &str = "S-1-5-32-544";
/// What the program is told to do: take an interrupted repair back and ask nobody.
pub(super) const ARGUMENTS: &str = "recover --silent";
/// After a start of Windows it waits so long, for services to come up.
const AFTER_START: &str = "PT2M";
/// One that finds the repair still at work leaves it alone, and looks again later.
const AGAIN_EVERY: &str = "PT30M";
/// The account of the system itself, whatever Windows calls it.
const SYSTEM: &str = "S-1-5-18";

/// The definition of the task: starts `program` at `at` (UTC, such as `2026-01-02T12:00:00Z`) and at
/// every start of Windows, as the system, seen by everybody.
pub(super) fn definition(program: &str, at: &str) -> String {
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-16\"?>\r\n");
    let _ = write!(
        xml,
        "<Task version=\"1.2\" xmlns=\"http://schemas.microsoft.com/windows/2004/02/mit/task\">\
         <RegistrationInfo><Author>unwedge</Author><Description>Ends a repair of Windows \
         Update that was cut off, or goes on with a search over restarts. It goes by itself when there is \
         none.</Description>\
         <URI>{FOLDER}\\{NAME}</URI></RegistrationInfo>\
         <Triggers><BootTrigger><Enabled>true</Enabled><Delay>{AFTER_START}</Delay></BootTrigger>\
         <TimeTrigger><Repetition><Interval>{AGAIN_EVERY}</Interval>\
         <StopAtDurationEnd>false</StopAtDurationEnd></Repetition>\
         <StartBoundary>{at}</StartBoundary><Enabled>true</Enabled></TimeTrigger></Triggers>\
         <Principals><Principal id=\"System\"><UserId>{SYSTEM}</UserId>\
         <RunLevel>HighestAvailable</RunLevel></Principal></Principals>\
         <Settings><MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>\
         <DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>\
         <StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>\
         <AllowHardTerminate>false</AllowHardTerminate>\
         <StartWhenAvailable>true</StartWhenAvailable>\
         <RunOnlyIfNetworkAvailable>false</RunOnlyIfNetworkAvailable>\
         <Enabled>true</Enabled><Hidden>false</Hidden><RunOnlyIfIdle>false</RunOnlyIfIdle>\
         <ExecutionTimeLimit>PT0S</ExecutionTimeLimit><Priority>5</Priority></Settings>\
         <Actions Context=\"System\"><Exec><Command>\"{}\"</Command>\
         <Arguments>{ARGUMENTS}</Arguments></Exec></Actions></Task>\r\n",
        escaped(program)
    );
    xml
}

/// The definition of the sister: starts `program` in a window whenever an administrator signs in, with his
/// rights.
pub(super) fn sign_in_definition(program: &str) -> String {
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-16\"?>\r\n");
    let _ = write!(
        xml,
        "<Task version=\"1.2\" xmlns=\"http://schemas.microsoft.com/windows/2004/02/mit/task\">\
         <RegistrationInfo><Author>unwedge</Author><Description>Tells whoever signs in that a repair or \
         a search is under way, and how to stop it. It goes when that is over.</Description>\
         <URI>{FOLDER}\\{SIGN_IN_NAME}</URI></RegistrationInfo>\
         <Triggers><LogonTrigger><Enabled>true</Enabled></LogonTrigger></Triggers>\
         <Principals><Principal id=\"Administrators\"><GroupId>{ADMINISTRATORS}</GroupId>\
         <RunLevel>HighestAvailable</RunLevel></Principal></Principals>\
         <Settings><MultipleInstancesPolicy>Parallel</MultipleInstancesPolicy>\
         <DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>\
         <StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>\
         <Enabled>true</Enabled><Hidden>false</Hidden>\
         <ExecutionTimeLimit>PT0S</ExecutionTimeLimit></Settings>\
         <Actions Context=\"Administrators\"><Exec><Command>\"{}\"</Command>\
         <Arguments>{SIGN_IN_ARGUMENTS}</Arguments></Exec></Actions></Task>\r\n",
        escaped(program)
    );
    xml
}

/// Whether a definition that Windows gave back is of a task that would do its work: it is enabled and
/// starts `program`, wherever that lies, to recover.
pub(super) fn does_its_work(definition: &str, program: &str) -> bool {
    let text = definition.to_lowercase();
    let wanted = [
        format!("{}<", escaped(program).to_lowercase()),
        format!("{}\"<", escaped(program).to_lowercase()),
        format!("{}&quot;<", escaped(program).to_lowercase()),
    ];
    wanted.iter().any(|it| text.contains(it))
        && text.contains(&format!("<arguments>{ARGUMENTS}</arguments>"))
        && text.contains("<boottrigger")
        && text.contains("<timetrigger")
        && !text.contains("<enabled>false</enabled>")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use unwedge_formats::export::task::task;

    use super::*;

    const PROGRAM: &str = r"C:\ProgramData\unwedge & co\unwedge.exe";

    #[test]
    fn the_task_recovers_at_a_start_and_after_a_while_as_the_system_and_hides_from_nobody() {
        let xml = definition(PROGRAM, "2026-01-02T12:00:00Z");
        let read = task(&xml).unwrap();
        let told = format!("{read:?}");
        assert!(told.contains("unwedge & co") && told.contains(ARGUMENTS), "{told}");
        for wanted in [
            "<BootTrigger><Enabled>true</Enabled><Delay>PT2M</Delay>",
            "<StartBoundary>2026-01-02T12:00:00Z</StartBoundary>",
            "<UserId>S-1-5-18</UserId>",
            "<Hidden>false</Hidden>",
            "<StartWhenAvailable>true</StartWhenAvailable>",
            "<DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>",
        ] {
            assert!(xml.contains(wanted), "{wanted}");
        }
    }

    #[test]
    fn whoever_signs_in_as_administrator_is_told_in_a_window() {
        let xml = sign_in_definition(PROGRAM);
        let told = format!("{:?}", task(&xml).unwrap());
        assert!(told.contains("unwedge & co") && told.contains("LogonTrigger"), "{told}");
        for wanted in ["<GroupId>S-1-5-32-544</GroupId>", "<Arguments>sign-in</Arguments>"] {
            assert!(xml.contains(wanted), "{wanted}");
        }
    }

    #[test]
    fn a_task_that_was_switched_off_or_bent_does_not_do_its_work() {
        let xml = definition(PROGRAM, "2026-01-02T12:00:00Z");
        assert!(does_its_work(&xml, PROGRAM));
        assert!(!does_its_work(&xml, r"C:\Users\Public\unwedge.exe"));
        let off = xml.replacen("<Enabled>true", "<Enabled>false", 1);
        assert!(!does_its_work(&off, PROGRAM));
        assert!(!does_its_work(&xml.replace("recover --silent", "fix"), PROGRAM));
        assert!(!does_its_work("", PROGRAM));
    }
}
