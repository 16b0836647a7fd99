//! The functions as they are shipped.

use std::{fs, path::Path, process::Command};

const FUNCTIONS: [&str; 3] = ["logs_forwarder", "log_group_created", "domain_access"];
/// Bytes of an archive, at most: what Lambda loads before the first event.
const MAX_ARCHIVE: u64 = 1_800_000;
/// The C library of `provided.al2023`.
const GLIBC: (u32, u32) = (2, 34);

fn target() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target")
}

#[test]
fn archives_are_small() {
    for function in FUNCTIONS {
        let archive = target().join("functions").join(format!("{function}.zip"));
        let size = fs::metadata(&archive).expect("the functions are built: make functions").len();
        println!("{function}: {size} bytes");
        assert!(size < MAX_ARCHIVE, "{function}: {size}");
    }
}

#[test]
fn functions_run_with_the_c_library_of_lambda() {
    for function in FUNCTIONS {
        let symbols = Command::new("objdump").arg("-T").arg(target().join("dist").join(function)).output().unwrap();
        let symbols = String::from_utf8(symbols.stdout).unwrap();
        let versions = symbols.split("GLIBC_").skip(1).filter_map(|rest| {
            let version = rest.split(|c: char| !(c.is_ascii_digit() || c == '.')).next()?;
            let mut parts = version.split('.').map_while(|part| part.parse::<u32>().ok());
            Some((parts.next()?, parts.next()?))
        });
        let newest = versions.max().expect("a function uses the C library");
        assert!(newest <= GLIBC, "{function} needs GLIBC {newest:?}");
    }
}

#[test]
fn a_function_never_depends_on_the_command_or_an_sdk() {
    for function in FUNCTIONS {
        let tree = Command::new(env!("CARGO"))
            .args(["tree", "--offline", "--locked", "--edges", "normal", "--prefix", "none", "--package", function])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .unwrap();
        let tree = String::from_utf8(tree.stdout).unwrap();
        assert!(tree.starts_with(function), "{tree}");
        let heavy = |line: &&str| {
            line.starts_with("logctl v") || line.starts_with("aws-sdk-") || line.starts_with("aws-config")
        };
        assert_eq!(tree.lines().find(heavy), None);
    }
}
