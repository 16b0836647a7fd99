//! VPC flow logs in their default format:
//! <https://docs.aws.amazon.com/vpc/latest/userguide/flow-log-records.html>.

use serde_json::{Map, Value};

use super::Normalised;

const NAMES: [&str; 14] = [
    "version",
    "account_id",
    "interface_id",
    "srcaddr",
    "dstaddr",
    "srcport",
    "dstport",
    "protocol",
    "packets",
    "bytes",
    "start",
    "end",
    "action",
    "log_status",
];

pub(super) fn read(message: &str) -> Option<Normalised> {
    let status = ["OK", "NODATA", "SKIPDATA"].iter().any(|status| message.ends_with(status));
    if !status || !message.starts_with("2 ") {
        return None;
    }
    let values: Vec<&str> = message.split(' ').collect();
    if values.len() != NAMES.len() || !values[2].starts_with("eni-") {
        return None;
    }
    let fields: Map<String, Value> = NAMES
        .iter()
        .zip(values)
        .filter(|(_, value)| *value != "-")
        // An account is a name, also where it has no leading zero.
        .map(|(name, value)| match value.parse::<u64>() {
            Ok(number) if *name != "account_id" => ((*name).to_owned(), number.into()),
            _ => ((*name).to_owned(), value.into()),
        })
        .collect();
    Some(Normalised { fields, ..Normalised::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records() {
        let accepted = "2 123456789010 eni-1235b8ca123456789 172.31.16.139 172.31.16.21 20641 22 6 20 4249 1418530010 1418530070 ACCEPT OK";
        let fields = read(accepted).unwrap().fields;
        assert_eq!((fields.len(), &fields["srcaddr"], &fields["dstport"]), (14, &"172.31.16.139".into(), &22.into()));
        assert_eq!(fields["account_id"], "123456789010");
        let nothing = "2 123456789010 eni-1235b8ca123456789 - - - - - - - 1431280876 1431280934 - NODATA";
        assert_eq!(read(nothing).unwrap().fields.len(), 6);
        assert_eq!(read("2 of them are OK"), None);
    }
}
