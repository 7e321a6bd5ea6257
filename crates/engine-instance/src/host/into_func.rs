//! Closures as host functions.

#![allow(unsafe_code)]

use super::{Caller, HostFunc, enter};
use crate::typed::{WasmRet, WasmTy, WasmTyList, for_each_arity};
use engine_decoder::FuncType;
use engine_machine::{HostFuncContext, ValRaw, VmContext};

/// Closures that can be host functions: `Fn`, `Send`, `Sync`, `'static`, with 0 to 16 parameters, each a [`WasmTy`], after an
/// optional [`Caller`], and returning a [`WasmRet`].
pub trait IntoFunc<T: 'static, Params, Results>: Send + Sync + 'static {
    /// The host function.
    #[doc(hidden)]
    fn into_func(self) -> HostFunc<T>;
}

macro_rules! into_func {
    ($n:literal $($ty:ident)*) => {
        into_func!(@impl ($($ty)*) ($($ty,)*) ($($ty),*) |context, store, vmctx, func| func($($ty),*));
        into_func!(@impl ($($ty)*) (Caller<'_, T>, $($ty,)*) (Caller<'_, T>, $($ty),*)
            |context, store, vmctx, func| func(Caller::new(store, context, vmctx), $($ty),*));
    };
    (@impl ($($ty:ident)*) ($($params:tt)*) ($($args:tt)*)
        |$context:ident, $store:ident, $vmctx:ident, $func:ident| $call:expr) => {
        #[allow(non_snake_case, unused_variables)]
        impl<T, F, R, $($ty,)*> IntoFunc<T, ($($params)*), R> for F
        where
            T: 'static,
            F: Fn($($args)*) -> R + Send + Sync + 'static,
            R: WasmRet + 'static,
            $($ty: WasmTy + 'static,)*
        {
            fn into_func(self) -> HostFunc<T> {
                /// # Safety
                /// As `HostCall`; the context's data is an `F`, the store's data a `T`.
                unsafe extern "C" fn call<T, F, R, $($ty,)*>(
                    $context: *mut HostFuncContext,
                    $vmctx: *mut VmContext,
                    values: *mut ValRaw,
                ) -> u64
                where
                    T: 'static,
                    F: Fn($($args)*) -> R + Send + Sync + 'static,
                    R: WasmRet,
                    $($ty: WasmTy,)*
                {
                    // SAFETY: by contract; `values` has room for as many values as there are parameters or results.
                    unsafe {
                        enter::<T>($context, |$store| {
                            let $func = &*(*$context).data.cast::<F>();
                            let ($($ty,)*) = <($($ty,)*) as WasmTyList>::read_raw(&(*$store).opaque, values);
                            let results = $call.into_result()?;
                            let opaque = &mut (*$store).opaque;
                            results.check_store(opaque)?;
                            opaque.prepare_externrefs(<R::Values as WasmTyList>::EXTERNS);
                            results.write_raw(opaque, values);
                            Ok(())
                        })
                    }
                }
                let ty = FuncType::new(<($($ty,)*) as WasmTyList>::valtypes(), R::Values::valtypes());
                // SAFETY: `call` takes this closure's type and values of `ty`.
                unsafe { HostFunc::from_trampoline(ty, call::<T, F, R, $($ty,)*>, Box::new(self)) }
            }
        }
    };
}

for_each_arity!(into_func);
