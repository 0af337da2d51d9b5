//! Services as the registry sets them up.

use std::collections::BTreeMap;

use super::OfflineRegistry;
use crate::service::ServiceDetail;
use crate::{KeyPath, Result, RunState, Service, ServiceName, StartType};

const SERVICES: &str = r"HKLM\SYSTEM\CurrentControlSet\Services";

/// Which services depend on a service, by its name.
pub(super) type Dependents = BTreeMap<ServiceName, Vec<ServiceName>>;

pub(super) fn read(registry: &OfflineRegistry, name: &ServiceName) -> Result<Option<Service>> {
    let Some(key) = registry.key(&KeyPath::new(SERVICES).join(name.as_str()))? else {
        return Ok(None);
    };
    // Keys without a start type hold settings only; the service control manager passes them over.
    let Some(start) = key.dword("Start").and_then(|start| {
        StartType::from_registry(start, key.dword("DelayedAutostart") == Some(1))
    }) else {
        return Ok(None);
    };
    let has_parameters = key.subkeys.iter().any(|it| it.eq_ignore_ascii_case("Parameters"));
    let parameters = match has_parameters {
        true => registry
            .key(&KeyPath::new(SERVICES).join(name.as_str()).join("Parameters"))
            .ok()
            .flatten(),
        false => None,
    };
    let dependents = registry.dependents.get_or_init(|| dependents(registry));
    Ok(Some(Service {
        name: name.clone(),
        display_name: key.text("DisplayName").map(str::to_owned),
        start,
        state: RunState::Unknown,
        pid: None,
        image: key.text("ImagePath").map(str::to_owned),
        needs: key.strings("DependOnService").iter().map(|it| ServiceName::new(it)).collect(),
        dependents: dependents.get(name).cloned().unwrap_or_default(),
        accepts_stop: true,
        protected: key.dword("LaunchProtected").is_some_and(|it| it != 0),
        more: ServiceDetail::of_keys(&key, parameters.as_ref()),
    }))
}

fn dependents(registry: &OfflineRegistry) -> Dependents {
    let mut all = Dependents::new();
    let services = registry.keys_below(&KeyPath::new(SERVICES)).ok().flatten();
    for (name, key) in services.unwrap_or_default() {
        for needed in key.strings("DependOnService") {
            all.entry(ServiceName::new(needed)).or_default().push(ServiceName::new(&name));
        }
    }
    all
}
