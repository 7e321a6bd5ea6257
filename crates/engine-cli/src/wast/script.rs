//! The state of a running script, and its commands.

use super::{Options, Verdict, spectest, values};
use crate::arrival;
use crate::options::EngineOptions;
use engine_instance::{
    DecodeError, Engine, Error, Extern, Features, Instance, LinkError, Linker, Module, Result, Store, Trap,
    Val,
};
use std::collections::HashMap;
use wast::core::WastArgCore;
use wast::token::Id;
use wast::{QuoteWat, QuoteWatTest, Wast, WastArg, WastDirective, WastExecute, WastInvoke, WastRet, Wat};

/// Why a command did not do what it should.
enum Stop {
    /// It needs this proposal.
    LeftOut(String),
    /// It failed.
    Failed(String),
}

type Step<T = ()> = std::result::Result<T, Stop>;

fn fail<T>(reason: impl Into<String>) -> Step<T> {
    Err(Stop::Failed(reason.into()))
}

/// What a name of the script stands for. A module that was left out or failed leaves that behind for later commands.
#[derive(Clone)]
enum Slot<T> {
    Here(T),
    LeftOut(String),
    Failed,
}

impl<T: Clone> Slot<T> {
    fn get(&self) -> Step<T> {
        match self {
            Slot::Here(value) => Ok(value.clone()),
            Slot::LeftOut(proposal) => Err(Stop::LeftOut(proposal.clone())),
            Slot::Failed => fail("its module failed to load"),
        }
    }
    fn of(result: &Step<T>) -> Slot<T> {
        match result {
            Ok(value) => Slot::Here(value.clone()),
            Err(Stop::LeftOut(proposal)) => Slot::LeftOut(proposal.clone()),
            Err(Stop::Failed(_)) => Slot::Failed,
        }
    }
}

/// What a call did.
enum Outcome {
    Returned(Vec<Val>),
    Stopped(Error),
}

/// A running script.
pub(super) struct Script {
    engine: Engine,
    /// How modules come into it.
    options: EngineOptions,
    store: Store<()>,
    linker: Linker<()>,
    features: Features,
    leave_out: bool,
    /// The last instance, which commands without a name mean.
    current: Option<Slot<Instance>>,
    instances: HashMap<String, Slot<Instance>>,
    /// The last module definition.
    definition: Option<Slot<Module>>,
    definitions: HashMap<String, Slot<Module>>,
    /// Names under which an instance should be registered that was left out, with the proposal.
    not_registered: HashMap<String, String>,
}

/// What a command is called in scripts.
pub(super) fn kind(directive: &WastDirective<'_>) -> &'static str {
    match directive {
        WastDirective::Module(_) => "module",
        WastDirective::ModuleDefinition(_) => "module definition",
        WastDirective::ModuleInstance { .. } => "module instance",
        WastDirective::AssertMalformed { .. } => "assert_malformed",
        WastDirective::AssertInvalid { .. } => "assert_invalid",
        WastDirective::AssertInvalidCustom { .. } => "assert_invalid_custom",
        WastDirective::AssertMalformedCustom { .. } => "assert_malformed_custom",
        WastDirective::Register { .. } => "register",
        WastDirective::Invoke(_) => "invoke",
        WastDirective::AssertTrap { .. } => "assert_trap",
        WastDirective::AssertReturn { .. } => "assert_return",
        WastDirective::AssertExhaustion { .. } => "assert_exhaustion",
        WastDirective::AssertUnlinkable { .. } => "assert_unlinkable",
        WastDirective::AssertException { .. } => "assert_exception",
        WastDirective::AssertSuspension { .. } => "assert_suspension",
        WastDirective::Thread(_) => "thread",
        WastDirective::Wait { .. } => "wait",
    }
}

impl Script {
    pub(super) fn new(options: &Options) -> Result<Script> {
        let engine = Engine::new(&options.config())?;
        let mut store = Store::new(&engine, ());
        let mut linker = Linker::new(&engine);
        // A script may register an instance under a name that was taken before.
        linker.allow_shadowing(true);
        spectest::define(&mut store, &mut linker)?;
        Ok(Script {
            engine,
            store,
            linker,
            options: options.engine,
            features: options.features,
            leave_out: options.leave_out,
            current: None,
            instances: HashMap::new(),
            definition: None,
            definitions: HashMap::new(),
            not_registered: HashMap::new(),
        })
    }

    /// Runs a command.
    pub(super) fn run(&mut self, directive: WastDirective<'_>) -> Verdict {
        match self.command(directive) {
            Ok(()) => Verdict::Passed,
            Err(Stop::LeftOut(proposal)) => Verdict::LeftOut(proposal),
            Err(Stop::Failed(reason)) => Verdict::Failed(reason),
        }
    }

    fn command(&mut self, directive: WastDirective<'_>) -> Step {
        match directive {
            WastDirective::Module(mut module) => {
                let name = module.name();
                let result = self.load(&mut module).and_then(|module| self.instantiate(&module));
                self.define_instance(name, &result);
                result.map(drop)
            }
            WastDirective::ModuleDefinition(mut module) => {
                let name = module.name();
                let result = self.load(&mut module);
                let slot = Slot::of(&result);
                if let Some(name) = name {
                    self.definitions.insert(name.name().to_owned(), slot.clone());
                }
                self.definition = Some(slot);
                result.map(drop)
            }
            WastDirective::ModuleInstance { instance, module, .. } => {
                let slot = match module {
                    Some(name) => self.definitions.get(name.name()),
                    None => self.definition.as_ref(),
                };
                let result = match slot.cloned() {
                    Some(slot) => slot.get().and_then(|module| self.instantiate(&module)),
                    None => fail("no such module definition"),
                };
                self.define_instance(instance, &result);
                result.map(drop)
            }
            WastDirective::Register { name, module, .. } => {
                let instance = self.instance(module);
                if let Err(Stop::LeftOut(proposal)) = &instance {
                    self.not_registered.insert(name.to_owned(), proposal.clone());
                }
                let instance = instance?;
                self.not_registered.remove(name);
                let Err(error) = self.linker.instance(&mut self.store, name, instance) else { return Ok(()) };
                fail(format!("{error:#}"))
            }
            WastDirective::Invoke(invoke) => match self.invoke(invoke)? {
                Outcome::Returned(_) => Ok(()),
                Outcome::Stopped(error) => fail(format!("{error:#}")),
            },
            WastDirective::AssertReturn { exec, results, .. } => self.assert_return(exec, &results),
            WastDirective::AssertTrap { exec, message, .. } => {
                let outcome = self.execute(exec)?;
                expect_trap(outcome, message)
            }
            WastDirective::AssertExhaustion { call, message, .. } => {
                let outcome = self.invoke(call)?;
                expect_trap(outcome, message)
            }
            WastDirective::AssertInvalid { module, message, .. } => self.assert_invalid(module, message),
            WastDirective::AssertMalformed { module, message, .. }
            | WastDirective::AssertMalformedCustom { module, message, .. }
            | WastDirective::AssertInvalidCustom { module, message, .. } => {
                self.assert_malformed(module, message)
            }
            WastDirective::AssertUnlinkable { module, message, .. } => {
                self.assert_unlinkable(module, message)
            }
            WastDirective::AssertException { .. } => Err(self.without("exceptions")),
            WastDirective::AssertSuspension { .. } => Err(self.without("stack-switching")),
            WastDirective::Thread(_) | WastDirective::Wait { .. } => Err(self.without("threads")),
        }
    }

    /// A proposal is missing: the command is left out, if that is wanted.
    fn without(&self, proposal: &str) -> Stop {
        if self.leave_out {
            Stop::LeftOut(proposal.to_owned())
        } else {
            Stop::Failed(format!("needs the {proposal} proposal"))
        }
    }

    /// The proposal that a module was refused for lack of.
    fn missing_proposal(&self, error: &Error) -> Option<&'static str> {
        let name = error.downcast_ref::<DecodeError>()?.missing_feature?;
        // The parser also names a proposal when what it allows is used wrongly.
        let enabled = Features::from_name(name).is_some_and(|proposal| self.features.contains(proposal));
        (!enabled).then_some(name)
    }

    /// Turns an error from loading a module into the reason to stop.
    fn stop(&self, error: &Error) -> Stop {
        match self.missing_proposal(error) {
            Some(proposal) => self.without(proposal),
            None => Stop::Failed(format!("{error:#}")),
        }
    }

    fn define_instance(&mut self, name: Option<Id<'_>>, result: &Step<Instance>) {
        let slot = Slot::of(result);
        if let Some(name) = name {
            self.instances.insert(name.name().to_owned(), slot.clone());
        }
        self.current = Some(slot);
    }

    fn instance(&self, name: Option<Id<'_>>) -> Step<Instance> {
        let slot = match name {
            Some(name) => self.instances.get(name.name()),
            None => self.current.as_ref(),
        };
        match slot {
            Some(slot) => slot.get(),
            None => fail("no such instance"),
        }
    }

    fn load(&self, module: &mut QuoteWat<'_>) -> Step<Module> {
        let bytes = match module.encode() {
            Ok(bytes) => bytes,
            Err(error) => return fail(format!("the text does not parse: {error}")),
        };
        arrival::from_bytes(&self.engine, &self.options, bytes.into()).map_err(|error| self.stop(&error))
    }

    fn instantiate(&mut self, module: &Module) -> Step<Instance> {
        self.check_imports(module)?;
        self.linker.instantiate(&mut self.store, module).map_err(|error| Stop::Failed(format!("{error:#}")))
    }

    /// A module that imports from an instance that was left out is left out itself.
    fn check_imports(&self, module: &Module) -> Step {
        match module.imports().find_map(|import| self.not_registered.get(import.module())) {
            Some(proposal) => Err(Stop::LeftOut(proposal.clone())),
            None => Ok(()),
        }
    }

    fn execute(&mut self, exec: WastExecute<'_>) -> Step<Outcome> {
        match exec {
            WastExecute::Invoke(invoke) => self.invoke(invoke),
            WastExecute::Wat(wat) => {
                let module = self.load(&mut QuoteWat::Wat(wat))?;
                self.check_imports(&module)?;
                Ok(match self.linker.instantiate(&mut self.store, &module) {
                    Ok(_) => Outcome::Returned(Vec::new()),
                    Err(error) => Outcome::Stopped(error),
                })
            }
            WastExecute::Get { module, global, .. } => {
                let instance = self.instance(module)?;
                match instance.get_export(&mut self.store, global) {
                    Some(Extern::Global(found)) => Ok(Outcome::Returned(vec![found.get(&mut self.store)])),
                    _ => fail(format!("no exported global {global:?}")),
                }
            }
        }
    }

    fn invoke(&mut self, invoke: WastInvoke<'_>) -> Step<Outcome> {
        let instance = self.instance(invoke.module)?;
        let Some(function) = instance.get_func(&mut self.store, invoke.name) else {
            return fail(format!("no exported function {:?}", invoke.name));
        };
        let mut params = Vec::with_capacity(invoke.args.len());
        for arg in &invoke.args {
            let WastArg::Core(arg) = arg else { return fail("a component value") };
            if let WastArgCore::V128(_) = arg {
                return Err(self.without("simd"));
            }
            match values::argument(arg) {
                Some(value) => params.push(value),
                None => return Err(self.without("gc")),
            }
        }
        let mut results = vec![Val::I32(0); function.ty(&self.store).results().len()];
        Ok(match function.call(&mut self.store, &params, &mut results) {
            Ok(()) => Outcome::Returned(results),
            Err(error) => Outcome::Stopped(error),
        })
    }

    fn assert_return(&mut self, exec: WastExecute<'_>, expected: &[WastRet<'_>]) -> Step {
        let found = match self.execute(exec)? {
            Outcome::Returned(values) => values,
            Outcome::Stopped(error) => return fail(format!("{error:#}")),
        };
        if found.len() != expected.len() {
            return fail(format!("{} results, expected {}", found.len(), expected.len()));
        }
        for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
            let WastRet::Core(expected) = expected else { return fail("a component value") };
            if !values::matches(found, expected) {
                let shown = values::show(found);
                return fail(format!("result {i} is {shown}, expected {}", values::show_expected(expected)));
            }
        }
        Ok(())
    }

    fn assert_invalid(&self, mut module: QuoteWat<'_>, message: &str) -> Step {
        let bytes = match module.encode() {
            Ok(bytes) => bytes,
            // Some invalid modules cannot even be written down: a name that is not bound, say.
            Err(_) => return Ok(()),
        };
        self.expect_refused(&bytes, message)
    }

    /// A text that the parser takes may still be found malformed by the decoder: newer syntax allows more than the
    /// script's version does.
    fn assert_malformed(&self, mut module: QuoteWat<'_>, message: &str) -> Step {
        match module.to_test() {
            Err(_) => Ok(()),
            Ok(QuoteWatTest::Binary(bytes)) => self.expect_refused(&bytes, message),
            Ok(QuoteWatTest::Text(text)) => match parse_text(&text) {
                None => Ok(()),
                Some(modules) => modules.iter().try_for_each(|bytes| self.expect_refused(bytes, message)),
            },
        }
    }

    fn expect_refused(&self, bytes: &[u8], message: &str) -> Step {
        match arrival::from_bytes(&self.engine, &self.options, bytes.to_vec().into()) {
            Ok(_) => fail(format!("the module is accepted, expected \"{message}\"")),
            Err(error) if error.downcast_ref::<DecodeError>().is_none() => {
                fail(format!("{error:#}, expected \"{message}\""))
            }
            // With all of the script's own proposals the module is refused for what is missing, which says nothing of
            // the defect that the script is after.
            Err(error) => match self.missing_proposal(&error) {
                Some(proposal) if self.leave_out => Err(self.without(proposal)),
                _ => Ok(()),
            },
        }
    }

    fn assert_unlinkable(&mut self, module: Wat<'_>, message: &str) -> Step {
        let module = self.load(&mut QuoteWat::Wat(module))?;
        self.check_imports(&module)?;
        match self.linker.instantiate(&mut self.store, &module) {
            Ok(_) => fail(format!("the module is linked, expected \"{message}\"")),
            Err(error) if error.is::<LinkError>() => Ok(()),
            Err(error) => fail(format!("{error:#}, expected \"{message}\"")),
        }
    }
}

/// The modules of a quoted text, encoded; `None` if it does not parse.
fn parse_text(text: &[u8]) -> Option<Vec<Vec<u8>>> {
    let text = str::from_utf8(text).ok()?;
    let mut lexer = wast::lexer::Lexer::new(text);
    lexer.allow_confusing_unicode(true);
    let buffer = wast::parser::ParseBuffer::new_with_lexer(lexer).ok()?;
    let mut script = wast::parser::parse::<Wast<'_>>(&buffer).ok()?;
    let modules = script.directives.iter_mut().filter_map(|directive| match directive {
        WastDirective::Module(module) => Some(module.encode().ok()),
        _ => None,
    });
    modules.collect()
}

/// The specification gives the beginning of a message; some engines' messages say more, ours sometimes less.
fn expect_trap(outcome: Outcome, message: &str) -> Step {
    match outcome {
        Outcome::Returned(_) => fail(format!("no trap, expected \"{message}\"")),
        Outcome::Stopped(error) => match error.downcast_ref::<Trap>() {
            Some(trap) => {
                let found = trap.code().message();
                if found.starts_with(message) || message.starts_with(found) {
                    Ok(())
                } else {
                    fail(format!("trap \"{found}\", expected \"{message}\""))
                }
            }
            None => fail(format!("{error:#}, expected the trap \"{message}\"")),
        },
    }
}
