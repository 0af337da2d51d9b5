//! What a PC is as a whole: on mains or battery, and a member of what.

/// Mains and battery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Power {
    /// Whether it is on mains; `None` where Windows does not know.
    pub on_mains: Option<bool>,
    /// Its battery; `None` is a PC without one.
    pub battery: Option<Battery>,
}

/// A battery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Battery {
    /// How full it is; `None` where Windows does not know.
    pub percent: Option<u8>,
    /// Whether it is being charged.
    pub is_charging: bool,
}

/// Of what a PC is a member, from `NetGetJoinInformation`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Membership {
    /// Of a domain, which may manage it.
    Domain(String),
    /// Of a workgroup, which manages nothing.
    Workgroup(String),
    /// Of nothing.
    None,
}

impl Power {
    /// Reads the first three bytes of `SYSTEM_POWER_STATUS`: mains, battery, percent.
    #[must_use]
    pub fn of(mains: u8, battery: u8, percent: u8) -> Self {
        const CHARGING: u8 = 8;
        const NO_BATTERY: u8 = 128;
        const UNKNOWN: u8 = 255;
        let has_battery = battery == UNKNOWN || battery & NO_BATTERY == 0;
        Power {
            on_mains: match mains {
                0 => Some(false),
                1 => Some(true),
                _ => None,
            },
            battery: (has_battery && (battery, percent) != (UNKNOWN, UNKNOWN)).then_some(Battery {
                percent: (percent <= 100).then_some(percent),
                is_charging: battery != UNKNOWN && battery & CHARGING != 0,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mains_and_battery_are_read() {
        assert_eq!(Power::of(1, 128, 255), Power { on_mains: Some(true), battery: None });
        let low = Battery { percent: Some(12), is_charging: false };
        assert_eq!(Power::of(0, 2, 12), Power { on_mains: Some(false), battery: Some(low) });
        let charging = Battery { percent: Some(60), is_charging: true };
        assert_eq!(Power::of(1, 8, 60).battery, Some(charging));
        assert_eq!(Power::of(255, 255, 255), Power { on_mains: None, battery: None });
    }
}
