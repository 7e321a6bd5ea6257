//! Linking by name.

use crate::host::{HostFunc, IntoFunc};
use crate::imports::link_error;
use crate::{
    AsContext, AsContextMut, Caller, Engine, Extern, Func, ImportProblem, Instance, Module, Result, Val, bail,
};
use core::fmt;
use engine_decoder::{ExternIndex, FuncType};
use std::collections::HashMap;
use std::sync::Arc;

/// Finds imports by name. A linker is for stores with data of type `T`; host functions defined in it can be used in any
/// number of stores.
///
/// ```
/// use engine_instance::{Caller, Engine, Linker, Module, Store};
///
/// let engine = Engine::default();
/// let mut linker: Linker<u64> = Linker::new(&engine);
/// linker.func_wrap("host", "count", |mut caller: Caller<'_, u64>| *caller.data_mut() += 1)?;
/// let text = r#"(module (import "host" "count" (func $count)) (func (export "run") call $count call $count))"#;
/// let module = Module::new(&engine, wat::parse_str(text)?)?;
/// let mut store = Store::new(&engine, 0);
/// let instance = linker.instantiate(&mut store, &module)?;
/// instance.get_typed_func::<(), ()>(&mut store, "run")?.call(&mut store, ())?;
/// assert_eq!(*store.data(), 2);
/// # Ok::<(), engine_instance::Error>(())
/// ```
pub struct Linker<T: 'static> {
    engine: Engine,
    /// By module, then by name.
    names: HashMap<Arc<str>, HashMap<Arc<str>, Definition<T>>>,
    allow_shadowing: bool,
}

enum Definition<T: 'static> {
    /// Something of a store.
    Extern(Extern),
    /// A host function, for any store.
    Host(Arc<HostFunc<T>>),
}

impl<T: 'static> Clone for Definition<T> {
    fn clone(&self) -> Self {
        match self {
            Definition::Extern(item) => Definition::Extern(*item),
            Definition::Host(func) => Definition::Host(func.clone()),
        }
    }
}

impl<T: 'static> Clone for Linker<T> {
    fn clone(&self) -> Self {
        Linker {
            engine: self.engine.clone(),
            names: self.names.clone(),
            allow_shadowing: self.allow_shadowing,
        }
    }
}

impl<T: 'static> Linker<T> {
    /// An empty linker.
    pub fn new(engine: &Engine) -> Linker<T> {
        Linker { engine: engine.clone(), names: HashMap::new(), allow_shadowing: false }
    }

    /// The engine.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Whether a name may be defined again, which replaces its definition. Default: no.
    pub fn allow_shadowing(&mut self, allow: bool) -> &mut Linker<T> {
        self.allow_shadowing = allow;
        self
    }

    /// Defines a name as something of a store. The linker can then be used with that store only.
    pub fn define(
        &mut self,
        _store: impl AsContext<Data = T>,
        module: &str,
        name: &str,
        item: impl Into<Extern>,
    ) -> Result<&mut Linker<T>> {
        self.insert(module, name, Definition::Extern(item.into()))
    }

    /// Defines a name as a host function; see [`Func::wrap`].
    pub fn func_wrap<Params, Results>(
        &mut self,
        module: &str,
        name: &str,
        func: impl IntoFunc<T, Params, Results>,
    ) -> Result<&mut Linker<T>> {
        self.insert(module, name, Definition::Host(Arc::new(func.into_func())))
    }

    /// Defines a name as a host function; see [`Func::new`].
    pub fn func_new(
        &mut self,
        module: &str,
        name: &str,
        ty: FuncType,
        func: impl Fn(Caller<'_, T>, &[Val], &mut [Val]) -> Result<()> + Send + Sync + 'static,
    ) -> Result<&mut Linker<T>> {
        self.insert(module, name, Definition::Host(Arc::new(HostFunc::new(ty, func))))
    }

    /// Defines all exports of an instance, under a module name.
    pub fn instance(
        &mut self,
        mut store: impl AsContextMut<Data = T>,
        module: &str,
        instance: Instance,
    ) -> Result<&mut Linker<T>> {
        let mut store = store.as_context_mut();
        let exports: Vec<_> = instance
            .exports(&mut store)
            .map(|export| (Arc::<str>::from(export.name()), export.into_extern()))
            .collect();
        for (name, item) in exports {
            self.insert(module, &name, Definition::Extern(item))?;
        }
        Ok(self)
    }

    /// Instantiates a module with what is defined so far, and defines all its exports under a module name.
    pub fn module(
        &mut self,
        mut store: impl AsContextMut<Data = T>,
        name: &str,
        module: &Module,
    ) -> Result<&mut Linker<T>> {
        let instance = self.instantiate(&mut store, module)?;
        self.instance(store, name, instance)
    }

    /// Gives a definition a second name.
    pub fn alias(
        &mut self,
        module: &str,
        name: &str,
        as_module: &str,
        as_name: &str,
    ) -> Result<&mut Linker<T>> {
        let Some(definition) = self.lookup(module, name).cloned() else {
            bail!("`{module}::{name}` has not been defined");
        };
        self.insert(as_module, as_name, definition)
    }

    /// Gives all definitions under a module name a second module name.
    pub fn alias_module(&mut self, module: &str, as_module: &str) -> Result<()> {
        let names = self.names.get(module).cloned().unwrap_or_default();
        for (name, definition) in names {
            self.insert(as_module, &name, definition)?;
        }
        Ok(())
    }

    /// Defines the functions that a module imports and that are not defined, as host functions that return an error.
    pub fn define_unknown_imports_as_traps(&mut self, module: &Module) -> Result<()> {
        let decoded = &module.decoded().module;
        for import in &decoded.imports {
            let ExternIndex::Func(func) = import.index else { continue };
            if self.lookup(&import.module, &import.name).is_some() {
                continue;
            }
            let full_name = format!("{}::{}", import.module, import.name);
            self.func_new(&import.module, &import.name, decoded.func_type(func).clone(), move |_, _, _| {
                bail!("unknown import: `{full_name}` has not been defined")
            })?;
        }
        Ok(())
    }

    /// What a name is defined as, made in `store` if it is a host function.
    pub fn get(&self, mut store: impl AsContextMut<Data = T>, module: &str, name: &str) -> Option<Extern> {
        let definition = self.lookup(module, name)?;
        self.place(&mut store, definition).ok()
    }

    /// Instantiates a module with what is defined.
    ///
    /// # Errors
    /// As [`Instance::new`]; a [`LinkError`](crate::LinkError) if an import is not defined.
    pub fn instantiate(&self, mut store: impl AsContextMut<Data = T>, module: &Module) -> Result<Instance> {
        let declared = &module.decoded().module.imports;
        let mut imports = Vec::with_capacity(declared.len());
        for (index, import) in declared.iter().enumerate() {
            let Some(definition) = self.lookup(&import.module, &import.name) else {
                return Err(link_error(index, import, ImportProblem::NotFound).into());
            };
            imports.push(self.place(&mut store, definition)?);
        }
        Instance::new(store, module, &imports)
    }

    fn place(&self, store: &mut impl AsContextMut<Data = T>, definition: &Definition<T>) -> Result<Extern> {
        let mut store = store.as_context_mut();
        let store = store.opaque_mut();
        match definition {
            Definition::Extern(item) => Ok(*item),
            Definition::Host(_) if !self.engine.same(store.engine()) => {
                bail!("the linker belongs to another engine than the store")
            }
            Definition::Host(func) => {
                let func = func.place_once(store)?;
                Ok(Extern::Func(Func::from_ref(store, func)))
            }
        }
    }

    fn lookup(&self, module: &str, name: &str) -> Option<&Definition<T>> {
        self.names.get(module)?.get(name)
    }

    fn insert(&mut self, module: &str, name: &str, definition: Definition<T>) -> Result<&mut Linker<T>> {
        if !self.allow_shadowing && self.lookup(module, name).is_some() {
            bail!("`{module}::{name}` is defined twice");
        }
        if !self.names.contains_key(module) {
            self.names.insert(module.into(), HashMap::new());
        }
        if let Some(names) = self.names.get_mut(module) {
            names.insert(name.into(), definition);
        }
        Ok(self)
    }
}

impl<T: 'static> fmt::Debug for Linker<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.names.iter().flat_map(|(module, names)| {
            names.iter().map(move |(name, definition)| {
                let kind = match definition {
                    Definition::Extern(item) => item.kind().to_string(),
                    Definition::Host(func) => format!("host function {}", func.ty()),
                };
                (format!("{module}::{name}"), kind)
            })
        });
        f.debug_map().entries(names).finish()
    }
}
