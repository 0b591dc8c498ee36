//! The command line: the only floor that prints. Results go to stdout, everything else to stderr; `--format json` makes both machine-readable.

#![expect(clippy::print_stderr, reason = "this floor is the one that prints")]

mod alerts;
mod audit;
mod auth;
mod backup;
mod cache;
mod catalog;
mod check;
mod client;
mod component;
mod crm;
mod demo;
mod desk;
mod doctor;
mod export;
mod forget;
mod init;
mod ledger;
mod log;
mod mapper;
mod mapping;
mod output;
mod page;
mod parquet;
mod pause;
mod person;
mod project;
mod queue;
mod redirect;
mod replay;
mod run;
mod sandbox;
pub mod setup;
mod shadow;
mod simulate;
mod smoke;
mod stage;
mod status;
mod sync;
mod tap;
mod test_mode;
mod top;
mod translate;
mod verify;
mod why;
mod written;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand, ValueEnum};

use output::Exit;

/// Options every command takes stand apart in its help.
const GLOBAL: &str = "Options of every command";

/// Carries people's changes out of a CRM and into an ad platform as conversion events.
#[derive(Parser)]
#[command(name = "convey", version, max_term_width = 100)]
struct Cli {
    /// The configuration
    #[arg(long, short, global = true, help_heading = GLOBAL, env = "CONVEY_CONFIG", default_value = "convey.toml", value_name = "FILE")]
    config: PathBuf,
    /// How results are printed
    #[arg(long, global = true, help_heading = GLOBAL, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Print results only: no progress, no advice
    #[arg(long, short, global = true, help_heading = GLOBAL)]
    quiet: bool,
    /// What is logged to stderr: error, warn, info, debug, or a filter like `convey=debug`
    #[arg(long, global = true, help_heading = GLOBAL, env = "CONVEY_LOG", default_value = "convey=info,warn", value_name = "FILTER")]
    log: String,
    /// How it is logged
    #[arg(long, global = true, help_heading = GLOBAL, env = "CONVEY_LOG_FORMAT", value_enum, default_value_t = Format::Text)]
    log_format: Format,
    #[command(subcommand)]
    command: Command,
}

/// How something is printed.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// For programs: one JSON object a line
    Json,
}

#[derive(Subcommand)]
enum Command {
    /// Ask for each credential, say where it is found, and write a commented configuration
    Init(init::Init),
    /// Do everything `run` does short of traffic
    Check,
    /// Take webhooks, translate them, and send events until stopped
    Run(run::Run),
    /// Show the whole way, with a sandbox for both vendors, and report what happened
    Demo(demo::Demo),
    /// Play a CRM and an ad platform on loopback
    Sandbox(sandbox::Serve),
    /// Use the mapping as a filter: contacts or webhooks in, effects out, a line each
    Translate(translate::Translate),
    /// Show what waits, what was sent, what was skipped and what is dead
    Status,
    /// Say where the page is, with a link that signs a browser in once
    Page(page::Page),
    /// Watch rates, latency, failures and queues
    Top(top::Top),
    /// Follow what happens, delivery by delivery
    Tap(tap::Tap),
    /// Show what is the matter now, or try whether alerts arrive
    #[command(subcommand)]
    Alerts(alerts::Alerts),
    /// Look at what waits or is parked, send it again, or give it up
    #[command(subcommand)]
    Queue(queue::Queue),
    /// Show why something was sent, or not: every hop, every attempt
    Why(why::Why),
    /// Prove that what is stored comes out again of what made it, byte for byte
    Verify(verify::Verify),
    /// Translate stored changes once more, and send what was never told
    Replay(replay::Replay),
    /// Write delivered events with their contacts and campaigns
    Export(export::Export),
    /// Copy the store while it is in use
    Backup(backup::Backup),
    /// Put a copy of the store back
    Restore(backup::Restore),
    /// Show every request that left, and what people did
    Audit(audit::Audit),
    /// Forget a contact: destroy the key of all that is stored of it
    Forget(forget::Forget),
    /// Stop sending: everything, one destination, or reading one connection
    Pause(pause::Scope),
    /// Go on with what was paused
    Resume(pause::Scope),
    /// Mark events as tests for a while
    #[command(subcommand)]
    TestMode(test_mode::TestMode),
    /// Read and write the CRM by hand
    Crm(crm::Crm),
    /// Get, show, refresh and revoke the CRM's consent
    #[command(subcommand)]
    Auth(auth::Auth),
    /// Try every secret, grant and scope that is needed and both ends, and say what to mend
    Doctor(doctor::Doctor),
    /// List every trigger, query and command, with its requests and fields
    Catalog,
    /// Write a marked test contact to a location, read it back, and clean up
    Smoke(smoke::Smoke),
    /// Have a sandbox send one signed webhook of a contact in a file
    Simulate(simulate::Simulate),
    /// Look through connections now, not when it is due
    Sync(sync::Sync),
    /// Tell what happened before a connection began, as far back as its `backfill` says
    Backfill(sync::Backfill),
    /// Write, try, swap and roll back mappers
    #[command(subcommand)]
    Mapper(mapper::Mapper),
    /// Run a mapper beside the live one, see how it differs, and promote it
    #[command(subcommand)]
    Shadow(shadow::Shadow),
    /// Begin with a template, check a mapping, and see what it would say
    Mapping(mapping::Mapping),
    /// List, inspect, export and approve components
    #[command(subcommand)]
    Component(component::Component),
    /// Print completions for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// What every command needs to know.
struct Context {
    config: PathBuf,
    format: Format,
    quiet: bool,
    repeats: log::Repeats,
}

/// Runs the command line; the exit code is 0, 1 (it failed), 2 (it was asked wrongly), 3 (what was asked for is not there) or 78 (the
/// configuration is wrong).
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let repeats = match log::begin(&cli.log, cli.log_format) {
        Ok(repeats) => repeats,
        Err(error) => {
            eprintln!("error: --log {}: {error}", cli.log);
            return ExitCode::from(2);
        }
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: the runtime cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    let context = Context { config: cli.config, format: cli.format, quiet: cli.quiet, repeats };
    let ended = runtime.block_on(obey(cli.command, &context));
    // What still blocks (a compile, a read from stdin) must not hold the program.
    runtime.shutdown_background();
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(exit) => exit.show(context.format),
    }
}

async fn obey(command: Command, context: &Context) -> Result<(), Exit> {
    match command {
        Command::Init(init) => init.run(context),
        Command::Check => check::run(context).await,
        Command::Run(run) => run.run(context).await,
        Command::Demo(demo) => demo.run(context).await,
        Command::Sandbox(serve) => serve.run(context).await,
        Command::Translate(translate) => translate.run().await,
        Command::Status => status::run(context).await,
        Command::Page(page) => page.run(context).await,
        Command::Top(top) => top.run(context).await,
        Command::Tap(tap) => tap.run(context).await,
        Command::Alerts(alerts) => alerts.run(context).await,
        Command::Queue(queue) => queue.run(context).await,
        Command::Why(why) => why.run(context).await,
        Command::Verify(verify) => verify.run(context).await,
        Command::Replay(replay) => replay.run(context).await,
        Command::Export(export) => export.run(context).await,
        Command::Backup(backup) => backup.run(context).await,
        Command::Restore(restore) => restore.run(context).await,
        Command::Audit(audit) => audit.run(context).await,
        Command::Forget(forget) => forget.run(context).await,
        Command::Pause(scope) => scope.pause(context).await,
        Command::Resume(scope) => scope.resume(context).await,
        Command::TestMode(mode) => mode.run(context).await,
        Command::Crm(crm) => crm.run(context).await,
        Command::Auth(auth) => auth.run(context).await,
        Command::Doctor(doctor) => doctor.run(context).await,
        Command::Catalog => catalog::run(context).await,
        Command::Smoke(smoke) => smoke.run(context).await,
        Command::Simulate(simulate) => simulate.run(context).await,
        Command::Sync(sync) => sync.run(context).await,
        Command::Backfill(backfill) => backfill.run(context).await,
        Command::Mapper(mapper) => mapper.run(context).await,
        Command::Shadow(shadow) => shadow.run(context).await,
        Command::Mapping(mapping) => mapping.run(context).await,
        Command::Component(component) => component.run(context).await,
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "convey", &mut std::io::stdout());
            Ok(())
        }
    }
}
