//! `cargo xtask corpus`: real modules from npm. Each compiles, or is refused with the name of the proposal that it needs.

use crate::packages::PACKAGES;
use crate::repo;
use crate::table;
use crate::tally::Tally;
use anyhow::{Result, anyhow};
use engine_cli::options::Tier;
use engine_instance::{Config, DecodeError, Engine, Module};
use serde_json::json;
use std::path::Path;
use std::time::Instant;

/// Arguments of `cargo xtask corpus`.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Args {
    /// Only packages whose name contains this
    #[arg(long, value_name = "TEXT")]
    pub package: Option<String>,
    /// Which compiler makes the code
    #[arg(long, value_name = "TIER", default_value_t)]
    pub tier: Tier,
    /// Fetch and check the packages, and compile nothing
    #[arg(long)]
    pub fetch: bool,
}

/// What came of a module.
enum Verdict {
    Compiled { milliseconds: f64 },
    Refused { needs: &'static str },
    Failed { reason: String },
}

/// `cargo xtask corpus`
pub fn main(args: &Args, json: bool) -> Result<Tally> {
    engine_optimizer::verify_always();
    let engine =
        Engine::new(Config::new().tiering(args.tier.tiering())).map_err(|error| anyhow!("{error:#}"))?;
    let mut tally = Tally::default();
    let mut rows = Vec::new();
    for package in &PACKAGES {
        if args.package.as_ref().is_some_and(|text| !package.name.contains(text)) {
            continue;
        }
        package.fetch()?;
        if args.fetch {
            continue;
        }
        for file in package.modules() {
            let bytes = std::fs::read(&file)?;
            let length = bytes.len();
            let verdict = compile(&engine, bytes);
            let name = file.strip_prefix(package.dir().join("package")).unwrap_or(&file);
            tally += Tally::one(!matches!(verdict, Verdict::Failed { .. }));
            if json {
                print_json(package.name, name, length, &verdict);
            }
            let text = match &verdict {
                Verdict::Compiled { milliseconds } => format!("compiled in {milliseconds:.0} ms"),
                Verdict::Refused { needs } => format!("refused: needs {needs}"),
                Verdict::Failed { reason } => {
                    eprintln!("{}: {reason}", repo::relative(&file).display());
                    let file = repo::relative(&file);
                    eprintln!("    to run it alone: engine compile --tier {} {}", args.tier, file.display());
                    "FAILED".to_owned()
                }
            };
            rows.push(vec![package.name.to_owned(), name.display().to_string(), length.to_string(), text]);
        }
    }
    if json {
        println!("{}", json!({ "summary": true, "passed": tally.passed, "failed": tally.failed }));
    } else {
        table::print(&["package", "module", "bytes", "result"], &rows);
        println!("corpus: {tally}");
    }
    Ok(tally)
}

fn compile(engine: &Engine, bytes: Vec<u8>) -> Verdict {
    let start = Instant::now();
    match Module::new(engine, bytes) {
        Ok(_) => Verdict::Compiled { milliseconds: start.elapsed().as_secs_f64() * 1e3 },
        Err(error) => match error.downcast_ref::<DecodeError>().and_then(|error| error.missing_feature) {
            Some(needs) => Verdict::Refused { needs },
            None => Verdict::Failed { reason: format!("{error:#}") },
        },
    }
}

fn print_json(package: &str, module: &Path, bytes: usize, verdict: &Verdict) {
    let mut line = json!({ "package": package, "module": module, "bytes": bytes });
    match verdict {
        Verdict::Compiled { milliseconds } => {
            line["result"] = json!("compiled");
            line["ms"] = json!(milliseconds);
        }
        Verdict::Refused { needs } => {
            line["result"] = json!("refused");
            line["needs"] = json!(needs);
        }
        Verdict::Failed { reason } => {
            line["result"] = json!("failed");
            line["reason"] = json!(reason);
        }
    }
    println!("{line}");
}
