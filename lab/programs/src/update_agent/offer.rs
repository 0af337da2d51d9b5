//! An update as it is offered, and lists of them.

use std::sync::Mutex;

use windows::Win32::Foundation::{DECIMAL, E_BOUNDS, VARIANT_BOOL};
use windows::Win32::System::UpdateAgent::*;
use windows::Win32::System::Variant::VARIANT;
use windows::core::{AgileReference, BSTR, IUnknown, Ref, Result};
use windows_core::implement;

use crate::script::{self, Entry};

#[implement(IUpdateCollection)]
#[derive(Default)]
pub(crate) struct Collection(Mutex<Vec<AgileReference<IUpdate>>>);

#[implement(IUpdate3)]
struct One(Entry);

#[implement(IUpdateIdentity)]
pub(crate) struct Identity(pub(crate) Entry);

#[implement(IInstallationBehavior)]
struct Behavior(bool);

#[implement(IStringCollection)]
struct Texts(Vec<String>);

dispatch!(Collection_Impl, One_Impl, Identity_Impl, Behavior_Impl, Texts_Impl);

impl Collection {
    pub(crate) fn of(entries: Vec<Entry>) -> Collection {
        let one = |it: Entry| {
            let newest: IUpdate3 = One(it).into();
            AgileReference::new(&newest.into()).ok()
        };
        Collection(Mutex::new(entries.into_iter().filter_map(one).collect()))
    }
}

impl IUpdateCollection_Impl for Collection_Impl {
    absent! {
        put_Item(i32, Ref<'_, IUpdate>) -> ();
        _NewEnum() -> IUnknown;
        ReadOnly() -> VARIANT_BOOL;
        Clear() -> ();
        Copy() -> IUpdateCollection;
        Insert(i32, Ref<'_, IUpdate>) -> ();
        RemoveAt(i32) -> ();
    }
    fn get_Item(&self, index: i32) -> Result<IUpdate> {
        let all = self.0.lock().expect("nobody panics with it");
        all.get(index as usize).ok_or(E_BOUNDS)?.resolve()
    }
    fn Count(&self) -> Result<i32> {
        Ok(self.0.lock().expect("nobody panics with it").len() as i32)
    }
    fn Add(&self, update: Ref<IUpdate>) -> Result<i32> {
        let mut all = self.0.lock().expect("nobody panics with it");
        all.push(AgileReference::new(update.ok()?)?);
        Ok(all.len() as i32 - 1)
    }
}

impl IUpdate_Impl for One_Impl {
    absent! {
        AutoSelectOnWebSites() -> VARIANT_BOOL;
        BundledUpdates() -> IUpdateCollection;
        CanRequireSource() -> VARIANT_BOOL;
        Categories() -> ICategoryCollection;
        Deadline() -> VARIANT;
        DeltaCompressedContentAvailable() -> VARIANT_BOOL;
        DeltaCompressedContentPreferred() -> VARIANT_BOOL;
        Description() -> BSTR;
        EulaText() -> BSTR;
        HandlerID() -> BSTR;
        Image() -> IImageInformation;
        IsBeta() -> VARIANT_BOOL;
        SetIsHidden(VARIANT_BOOL) -> ();
        IsMandatory() -> VARIANT_BOOL;
        IsUninstallable() -> VARIANT_BOOL;
        Languages() -> IStringCollection;
        LastDeploymentChangeTime() -> f64;
        MaxDownloadSize() -> DECIMAL;
        MinDownloadSize() -> DECIMAL;
        MoreInfoUrls() -> IStringCollection;
        MsrcSeverity() -> BSTR;
        RecommendedCpuSpeed() -> i32;
        RecommendedHardDiskSpace() -> i32;
        RecommendedMemory() -> i32;
        ReleaseNotes() -> BSTR;
        SecurityBulletinIDs() -> IStringCollection;
        SupersededUpdateIDs() -> IStringCollection;
        SupportUrl() -> BSTR;
        UninstallationNotes() -> BSTR;
        UninstallationBehavior() -> IInstallationBehavior;
        UninstallationSteps() -> IStringCollection;
        DeploymentAction() -> DeploymentAction;
        CopyFromCache(&BSTR, VARIANT_BOOL) -> ();
        DownloadPriority() -> DownloadPriority;
        DownloadContents() -> IUpdateDownloadContentCollection;
    }
    fn Title(&self) -> Result<BSTR> {
        Ok(BSTR::from(self.0.title()))
    }
    fn EulaAccepted(&self) -> Result<VARIANT_BOOL> {
        Ok((!self.0.is("licence")).into())
    }
    fn Identity(&self) -> Result<IUpdateIdentity> {
        Ok(Identity(self.0.clone()).into())
    }
    fn InstallationBehavior(&self) -> Result<IInstallationBehavior> {
        Ok(Behavior(self.0.is("asks")).into())
    }
    fn IsDownloaded(&self) -> Result<VARIANT_BOOL> {
        Ok(self.0.is("downloaded").into())
    }
    fn IsHidden(&self) -> Result<VARIANT_BOOL> {
        Ok(false.into())
    }
    fn IsInstalled(&self) -> Result<VARIANT_BOOL> {
        Ok((self.0.text("state") == "installed").into())
    }
    fn Type(&self) -> Result<UpdateType> {
        Ok(if self.0.is("driver") { utDriver } else { utSoftware })
    }
    fn KBArticleIDs(&self) -> Result<IStringCollection> {
        Ok(Texts(vec![self.0.kb.trim_start_matches("KB").to_owned()]).into())
    }
    fn AcceptEula(&self) -> Result<()> {
        script::note(&format!("licence of {} accepted", self.0.kb));
        script::set(&self.0.kb, "licence", "no");
        Ok(())
    }
}

impl IUpdate2_Impl for One_Impl {
    absent! {
        IsPresent() -> VARIANT_BOOL;
        CveIDs() -> IStringCollection;
        CopyToCache(Ref<'_, IStringCollection>) -> ();
    }
    fn RebootRequired(&self) -> Result<VARIANT_BOOL> {
        Ok((self.0.text("state") == "restart").into())
    }
}

impl IUpdate3_Impl for One_Impl {
    fn BrowseOnly(&self) -> Result<VARIANT_BOOL> {
        Ok(self.0.is("optional").into())
    }
}

impl IUpdateIdentity_Impl for Identity_Impl {
    fn RevisionNumber(&self) -> Result<i32> {
        Ok(200)
    }
    fn UpdateID(&self) -> Result<BSTR> {
        Ok(BSTR::from(self.0.id()))
    }
}

impl IInstallationBehavior_Impl for Behavior_Impl {
    absent! {
        Impact() -> InstallationImpact;
        RebootBehavior() -> InstallationRebootBehavior;
        RequiresNetworkConnectivity() -> VARIANT_BOOL;
    }
    fn CanRequestUserInput(&self) -> Result<VARIANT_BOOL> {
        Ok(self.0.into())
    }
}

impl IStringCollection_Impl for Texts_Impl {
    absent! {
        put_Item(i32, &BSTR) -> ();
        _NewEnum() -> IUnknown;
        ReadOnly() -> VARIANT_BOOL;
        Add(&BSTR) -> i32;
        Clear() -> ();
        Copy() -> IStringCollection;
        Insert(i32, &BSTR) -> ();
        RemoveAt(i32) -> ();
    }
    fn get_Item(&self, index: i32) -> Result<BSTR> {
        Ok(BSTR::from(self.0.get(index as usize).ok_or(E_BOUNDS)?))
    }
    fn Count(&self) -> Result<i32> {
        Ok(self.0.len() as i32)
    }
}
