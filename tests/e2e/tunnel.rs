//! Behind a proxy that ends TLS with a certificate of a private authority, all that leaves this machine goes through it.
//!
//! Names under `.test` resolve nowhere (RFC 6761), so what goes past the proxy fails.

use std::{
    collections::BTreeSet,
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
};

use super::{
    delivery::letters,
    sandbox::{Run, Sandbox, now, root},
};

const AWS: &str = "aws.logctl.test";
const ENGINE: &str = "search.logctl.test";

/// The proxy, in front of the AWS and the engine of a sandbox.
struct ConnectProxy<'a> {
    sandbox: &'a Sandbox,
    process: Child,
    folder: tempfile::TempDir,
    url: String,
}

impl<'a> ConnectProxy<'a> {
    fn start(sandbox: &'a Sandbox) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut process = Command::new("python3")
            .arg(root().join("tests/e2e/connect_proxy.py"))
            .arg(folder.path())
            .args([sandbox.aws_endpoint(), sandbox.endpoint()].map(|url| url.trim_start_matches("http://")))
            .stdin(Stdio::piped()) // It ends with its input, so with this process.
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut port = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut port).unwrap();
        let url = format!("http://127.0.0.1:{}", port.trim().parse::<u16>().unwrap());
        Self { sandbox, process, folder, url }
    }

    /// The certificate of its authority.
    fn authority(&self) -> String {
        self.folder.path().join("ca.pem").to_str().unwrap().to_owned()
    }

    /// Runs logctl behind it, with more variables; and the hosts that tunnels were asked for meanwhile.
    fn run(&self, arguments: &str, variables: &[(&str, &str)]) -> (Run, BTreeSet<String>) {
        let arguments: Vec<&str> = arguments.split_whitespace().collect();
        let endpoint = format!("https://{AWS}");
        let behind = [("HTTPS_PROXY", self.url.as_str()), ("AWS_ENDPOINT_URL", endpoint.as_str())];
        let run = self.sandbox.run(&arguments, &[&behind[..], variables].concat());
        let file = self.folder.path().join("hosts");
        let hosts = std::fs::read_to_string(&file).unwrap_or_default().lines().map(str::to_owned).collect();
        drop(std::fs::remove_file(file)); // The next run begins with none.
        (run, hosts)
    }
}

impl Drop for ConnectProxy<'_> {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

fn hosts(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn all_that_leaves_this_machine_goes_through_the_proxy() {
    let sandbox = Sandbox::up(None);
    sandbox.create_group("/shop/orders");
    sandbox.logctl("bootstrap --yes").ok();
    sandbox.logctl("backfill --yes").ok();
    let since = now() - 1;
    sandbox.put_events("/shop/orders", &["order 1".to_owned()]);
    Sandbox::eventually("the event is indexed", || !sandbox.indexed(since).is_empty());

    let proxy = ConnectProxy::start(&sandbox);
    let authority = proxy.authority();
    let trusted = [("AWS_CA_BUNDLE", authority.as_str())];
    let search = format!("search order -o raw --endpoint https://{ENGINE}");

    let (run, asked) = proxy.run("audit", &trusted);
    run.ok().prints("/shop/orders\tstreamed");
    assert_eq!(asked, hosts(&[AWS]));

    let (run, asked) = proxy.run(&search, &trusted);
    run.ok().prints("order 1");
    assert_eq!(asked, hosts(&[ENGINE]));
    // Here AWS is asked who the caller is, by the same proxy.
    let (run, asked) = proxy.run(&format!("{search} --expect-account 000000000000"), &trusted);
    run.ok().prints("order 1");
    assert_eq!(asked, hosts(&[AWS, ENGINE]));
    // The stack's own endpoint is on this machine, where no proxy is asked.
    let stacks = [trusted[0], ("LOGCTL_ENDPOINT", "")];
    let (run, asked) = proxy.run("search order -o raw", &stacks);
    run.ok().prints("order 1");
    assert_eq!(asked, hosts(&[AWS]));

    // The archives are uploaded anew. A bucket may have a host of its own.
    let artifacts = sandbox.bucket_of("logctl-artifacts");
    let archives = sandbox.keys(&artifacts);
    assert_eq!(archives.len(), 3);
    sandbox.empty(&artifacts);
    let (run, asked) = proxy.run("bootstrap --yes --exclude /skip/*", &trusted);
    run.ok().prints("logctl\tdeployed");
    assert_eq!(sandbox.keys(&artifacts), archives);
    assert!(asked.contains(AWS) && asked.iter().all(|host| host.ends_with(AWS)), "{asked:?}");

    let bucket = sandbox.bucket_of("logctl-deadletters");
    let (objects, ids) = letters(3, 1);
    for (key, object) in objects {
        sandbox.put_object(&bucket, &key, object);
    }
    let (run, asked) = proxy.run("replay --yes", &trusted);
    run.ok().says("indexed 3 dead letters");
    assert_eq!(asked, hosts(&[AWS]));
    assert_eq!(sandbox.keys(&bucket), Vec::<String>::new());
    let indexed: BTreeSet<String> = sandbox.indexed(since).into_keys().collect();
    assert!(ids.is_subset(&indexed), "{indexed:?}");

    // Without the authority nobody is believed; as OpenSSL's variable names it, it is good as well.
    for (arguments, prints, host) in [("audit", "/shop/orders\tstreamed", AWS), (search.as_str(), "order 1", ENGINE)] {
        let (run, asked) = proxy.run(arguments, &[]);
        assert!([1, 4].contains(&run.code), "{arguments}: {run:?}");
        assert!(run.stderr.contains("certificate") || run.stderr.contains("UnknownIssuer"), "{arguments}: {run:?}");
        assert_eq!(asked, hosts(&[host]), "{arguments}");

        let (run, asked) = proxy.run(arguments, &[("SSL_CERT_FILE", authority.as_str())]);
        run.ok().prints(prints);
        assert_eq!(asked, hosts(&[host]), "{arguments}");

        let (run, asked) = proxy.run(arguments, &[trusted[0], ("NO_PROXY", ".logctl.test")]);
        run.exits(1).prints_nothing();
        assert_eq!(asked, hosts(&[]), "{arguments}");
    }
}
