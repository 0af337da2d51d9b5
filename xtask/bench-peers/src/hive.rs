//! Prints rows of a registry hive with `notatin`: services and filters, or packages and programs.

use std::io::Write;

use notatin::cell_key_node::CellKeyNode;
use notatin::cell_value::CellValue;
use notatin::parser::Parser;
use notatin::parser_builder::ParserBuilder;

type Outcome = Result<(), Box<dyn std::error::Error>>;

const PACKAGES: &str = r"Microsoft\Windows\CurrentVersion\Component Based Servicing\Packages";
const PROGRAMS: [&str; 2] = [
    r"Microsoft\Windows\CurrentVersion\Uninstall",
    r"Wow6432Node\Microsoft\Windows\CurrentVersion\Uninstall",
];

fn main() -> Outcome {
    let mut args = std::env::args().skip(1);
    let what = args.next().ok_or("say services or packages")?;
    let path = args.next().ok_or("the path of a hive is missing")?;
    let mut parser = ParserBuilder::from_path(path).recover_deleted(false).build()?;
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    match what.as_str() {
        "services" => services(&mut parser, &mut out)?,
        "packages" => packages(&mut parser, &mut out)?,
        _ => return Err("say services or packages".into()),
    }
    Ok(out.flush()?)
}

fn services(parser: &mut Parser, out: &mut dyn Write) -> Outcome {
    let select = parser.get_key("Select", false)?.ok_or("no key Select")?;
    let path = format!(r"ControlSet00{}\Services", text(&select, "Current"));
    let mut list = parser.get_key(&path, false)?.ok_or("no key Services")?;
    for mut key in list.read_sub_keys(parser) {
        let name = key.key_name.clone();
        let image = text(&key, "ImagePath");
        writeln!(out, "service\t{name}\t{}\t{}\t{image}", text(&key, "Start"), text(&key, "Group"))?;
        let Some(mut instances) = key.get_sub_key_by_path(parser, "Instances") else { continue };
        for instance in instances.read_sub_keys(parser) {
            let altitude = text(&instance, "Altitude");
            if !altitude.is_empty() {
                writeln!(out, "filter\t{name}\t{}\t{altitude}", instance.key_name)?;
            }
        }
    }
    Ok(())
}

fn packages(parser: &mut Parser, out: &mut dyn Write) -> Outcome {
    if let Some(mut list) = parser.get_key(PACKAGES, false)? {
        for key in list.read_sub_keys(parser) {
            writeln!(out, "package\t{}\t{}", key.key_name, text(&key, "CurrentState"))?;
        }
    }
    for path in PROGRAMS {
        let Some(mut list) = parser.get_key(path, false)? else { continue };
        for key in list.read_sub_keys(parser) {
            let (name, version) = (text(&key, "DisplayName"), text(&key, "DisplayVersion"));
            writeln!(out, "program\t{}\t{name}\t{version}", key.key_name)?;
        }
    }
    Ok(())
}

fn text(key: &CellKeyNode, name: &str) -> String {
    match key.get_value(name).map(|value| value.get_content().0) {
        Some(CellValue::String(text)) => text,
        Some(CellValue::U32(number)) => number.to_string(),
        Some(CellValue::I32(number)) => (number as u32).to_string(),
        _ => String::new(),
    }
}
