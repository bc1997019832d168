//! Two network namespaces with a link between them that can be made bad.

use std::process::Command;

use crate::soak::confinement::Confinement;

/// The addresses of the server's and the clients' end.
pub(crate) const SERVER: &str = "10.77.0.1";
const CLIENTS: &str = "10.77.0.2";

/// The link's ends: the names are those of devices inside the namespaces.
const DEVICE: &str = "soak0";

/// Two namespaces and a link. Dropping it removes them.
#[derive(Debug)]
pub(crate) struct Network {
    server: String,
    clients: String,
}

impl Network {
    /// Makes them, where the system lets us; else says why not.
    pub(crate) fn make() -> Result<Self, String> {
        let name = |end: &str| format!("soak-{end}-{}", std::process::id());
        let network = Self {
            server: name("s"),
            clients: name("c"),
        };
        let (server, clients) = (network.server.as_str(), network.clients.as_str());
        for end in [server, clients] {
            ip(&format!("netns add {end}"))?;
        }
        ip(&format!(
            "link add {DEVICE} netns {server} type veth peer name {DEVICE} netns {clients}"
        ))?;
        for (end, address) in [(server, SERVER), (clients, CLIENTS)] {
            ip(&format!("-n {end} address add {address}/24 dev {DEVICE}"))?;
            ip(&format!("-n {end} link set {DEVICE} up"))?;
            ip(&format!("-n {end} link set lo up"))?;
        }
        // That it is there is seen now rather than in the middle.
        network.lose(0)?;
        Ok(network)
    }

    pub(crate) fn server(&self) -> Confinement {
        Confinement::Network(self.server.clone())
    }

    pub(crate) fn clients(&self) -> Confinement {
        Confinement::Network(self.clients.clone())
    }

    /// Drops so many of a thousand packets that arrive by the link, on both ends.
    pub(crate) fn lose(&self, of_thousand: u32) -> Result<(), String> {
        for end in [&self.server, &self.clients] {
            let rules = format!(
                "flush ruleset\n\
                 table inet soak {{\n\
                 chain arriving {{\n\
                 type filter hook input priority 0\n\
                 iifname {DEVICE} numgen random mod 1000 < {of_thousand} counter drop\n\
                 }}\n}}\n"
            );
            // An empty set of numbers is no condition that it knows.
            let rules = match of_thousand {
                0 => "flush ruleset\n",
                _ => rules.as_str(),
            };
            run(Command::new("ip").args(["netns", "exec", end, "nft", rules]))?;
        }
        Ok(())
    }

    /// How many packets were dropped since the last change.
    pub(crate) fn lost(&self) -> u64 {
        let counted = |end: &String| {
            let mut command = Command::new("ip");
            command.args(["netns", "exec", end, "nft", "list ruleset"]);
            let output = command.output().ok()?;
            packets(&String::from_utf8_lossy(&output.stdout))
        };
        let ends = [&self.server, &self.clients];
        ends.into_iter().filter_map(counted).sum()
    }

    /// Takes the link down, or up again.
    pub(crate) fn link(&self, is_up: bool) -> Result<(), String> {
        let state = if is_up { "up" } else { "down" };
        ip(&format!("-n {} link set {DEVICE} {state}", self.clients))
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for end in [&self.server, &self.clients] {
            // The devices go with them.
            let _ = ip(&format!("netns delete {end}"));
        }
    }
}

/// The number behind `counter packets`.
fn packets(rules: &str) -> Option<u64> {
    let (_, rest) = rules.split_once("counter packets ")?;
    rest.split(' ').next()?.parse().ok()
}

fn ip(arguments: &str) -> Result<(), String> {
    run(Command::new("ip").args(arguments.split(' ')))
}

/// Runs a command that is quick.
fn run(command: &mut Command) -> Result<(), String> {
    let output = command
        .output()
        .map_err(|error| format!("no `ip`: {error}"))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&output.stderr)
            .trim()
            .replace('\n', "; ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dropped_packets_are_counted_by_the_rule() {
        let rules = "numgen random mod 1000 < 20 counter packets 123 bytes 4567 drop";
        assert_eq!(packets(rules), Some(123));
        assert_eq!(packets("table inet soak {}"), None);
    }
}
