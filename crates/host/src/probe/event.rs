//! Events as the event service gives them, where a log file cannot be read.

/// Which events are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventQuery {
    /// The log, such as `System`.
    pub channel: String,
    /// Their providers; none is all.
    pub providers: Vec<Provider>,
    /// At most so many, the newest.
    pub most: usize,
}

/// A provider, and which of its events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provider {
    /// Its name.
    pub name: String,
    /// First and last number of each range; none is all.
    pub ids: Vec<(u32, u32)>,
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Events {
    /// Canonical lines, oldest first.
    pub lines: Vec<String>,
    /// Whether these are all there are.
    pub is_complete: bool,
    /// How many could not be rendered or read.
    pub unreadable: u64,
}

/// The structured query the event service understands, as `EvtQuery` takes it.
///
/// It takes at most 22 conditions in one selection, so that every provider has one of its own and
/// its ranges are split.
#[must_use]
pub fn query_text(query: &EventQuery) -> String {
    const MOST_RANGES: usize = 10;
    let channel = escaped(&query.channel);
    let mut text = format!("<QueryList><Query Id=\"0\" Path=\"{channel}\">");
    let mut select = |condition: &str| {
        text.push_str(&format!("<Select Path=\"{channel}\">{condition}</Select>"));
    };
    if query.providers.is_empty() {
        select("*");
    }
    for provider in &query.providers {
        // An apostrophe cannot be written inside of one; no provider of Windows has it.
        let name = escaped(&provider.name.replace('\'', ""));
        if provider.ids.is_empty() {
            select(&format!("*[System[Provider[@Name='{name}']]]"));
        }
        for ranges in provider.ids.chunks(MOST_RANGES) {
            let ranges: Vec<String> = ranges
                .iter()
                .map(|(from, to)| match from == to {
                    true => format!("EventID={from}"),
                    false => format!("(EventID &gt;= {from} and EventID &lt;= {to})"),
                })
                .collect();
            let ranges = ranges.join(" or ");
            select(&format!("*[System[Provider[@Name='{name}'] and ({ranges})]]"));
        }
    }
    text.push_str("</Query></QueryList>");
    text
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_provider_is_selected_with_its_numbers() {
        let provider =
            |name: &str, ids: &[(u32, u32)]| Provider { name: name.to_owned(), ids: ids.to_vec() };
        let query = EventQuery {
            channel: "System".to_owned(),
            providers: vec![
                provider("Service Control Manager", &[(7000, 7009), (7011, 7011)]),
                provider("A&B", &[]),
            ],
            most: 10,
        };
        assert_eq!(
            query_text(&query),
            "<QueryList><Query Id=\"0\" Path=\"System\"><Select Path=\"System\">\
             *[System[Provider[@Name='Service Control Manager'] and \
             ((EventID &gt;= 7000 and EventID &lt;= 7009) or EventID=7011)]]</Select>\
             <Select Path=\"System\">*[System[Provider[@Name='A&amp;B']]]</Select></Query></QueryList>"
        );
    }

    #[test]
    fn many_ranges_are_split() {
        let ids = (0..25).map(|it| (it * 10, it * 10)).collect();
        let providers = vec![Provider { name: "P".to_owned(), ids }];
        let query = EventQuery { channel: "X".to_owned(), providers, most: 1 };
        assert_eq!(query_text(&query).matches("<Select").count(), 3);
    }
}
