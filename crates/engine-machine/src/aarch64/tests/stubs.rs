//! Wrappers and runtime-entry stubs.

use super::super::stubs::{entry_wrapper, import_wrapper, runtime_stub};
use super::{FLAGS, decode, same};
use crate::RuntimeEntry;
use engine_decoder::{FuncType, ValType};

fn text(code: &[u8]) -> Vec<String> {
    decode(code).iter().map(ToString::to_string).collect()
}

#[test]
fn entry() {
    let ty = FuncType::new([ValType::I32, ValType::F64], [ValType::I64]);
    same(
        &text(&entry_wrapper(&FLAGS, &ty)),
        "
        stp x29, x30, [sp, #-0x10]!
        mov x29, sp
        sub sp, sp, #0xa0
        stp x3, x2, [x29, #-0x10]
        stp x19, x20, [x29, #-0x20]
        stp x21, x22, [x29, #-0x30]
        stp x23, x24, [x29, #-0x40]
        stp x25, x26, [x29, #-0x50]
        stp x27, x28, [x29, #-0x60]
        stp d8, d9, [x29, #-0x70]
        stp d10, d11, [x29, #-0x80]
        stp d12, d13, [x29, #-0x90]
        stp d14, d15, [x29, #-0xa0]
        mov x16, sp
        str x16, [x0]
        str x29, [x0, #0x8]
        adr x16, $+0x5c
        str x16, [x0, #0x10]
        mov x9, x1
        mov x28, x2
        mov x10, x3
        ldr w0, [x10]
        ldr d0, [x10, #0x10]
        blr x9
        ldur x11, [x29, #-0x10]
        str x8, [x11]
        mov w0, #0x0
        ldp x19, x20, [x29, #-0x20]
        ldp x21, x22, [x29, #-0x30]
        ldp x23, x24, [x29, #-0x40]
        ldp x25, x26, [x29, #-0x50]
        ldp x27, x28, [x29, #-0x60]
        ldp d8, d9, [x29, #-0x70]
        ldp d10, d11, [x29, #-0x80]
        ldp d12, d13, [x29, #-0x90]
        ldp d14, d15, [x29, #-0xa0]
        mov sp, x29
        ldp x29, x30, [sp], #0x10
        ret
        mov w0, #0x1
        b $-0x34",
    );
}

#[test]
fn import() {
    let ty = FuncType::new([ValType::I32, ValType::F64], [ValType::I64]);
    same(
        &text(&import_wrapper(&FLAGS, &ty)),
        "
        stp x29, x30, [sp, #-0x10]!
        mov x29, sp
        stp x15, x28, [sp, #-0x10]!
        sub sp, sp, #0x20
        str w0, [sp]
        str d0, [sp, #0x10]
        ldr x16, [x28]
        str x29, [x16, #0x8]
        mov x0, x28
        ldr x1, [x29]
        ldur x1, [x1, #-0x8]
        ldr x16, [x28, #0x8]
        mov x2, sp
        blr x16
        cbnz x0, $+0x14
        ldr x8, [sp]
        mov sp, x29
        ldp x29, x30, [sp], #0x10
        ret
        ldur x16, [x29, #-0x8]
        ldr x16, [x16]
        ldr x16, [x16, #0x10]
        ldr x17, [x16]
        mov sp, x17
        ldr x29, [x16, #0x8]
        ldr x17, [x16, #0x10]
        br x17",
    );
}

#[test]
fn runtime() {
    same(
        &text(&runtime_stub(&FLAGS, RuntimeEntry::MemoryFill)),
        "
        stp x29, x30, [sp, #-0x10]!
        mov x29, sp
        stp x28, x28, [sp, #-0x10]!
        ldr x16, [x28]
        str x29, [x16, #0x8]
        ldr x16, [x16, #0x18]
        ldr x16, [x16, #0x8]
        mov x0, x28
        blr x16
        cbnz x1, $+0x10
        mov sp, x29
        ldp x29, x30, [sp], #0x10
        ret
        ldur x16, [x29, #-0x8]
        ldr x16, [x16]
        ldr x16, [x16, #0x10]
        ldr x17, [x16]
        mov sp, x17
        ldr x29, [x16, #0x8]
        ldr x17, [x16, #0x10]
        br x17",
    );
}

#[test]
fn any_number_of_parameters_and_results() {
    for count in [0, 9, 100, 1000] {
        let types = [ValType::I32, ValType::F32, ValType::V128, ValType::F64, ValType::EXTERNREF];
        let types: Vec<ValType> = (0..count).map(|i| types[i % types.len()]).collect();
        let ty = FuncType::new(types.clone(), types);
        text(&entry_wrapper(&FLAGS, &ty));
        text(&import_wrapper(&FLAGS, &ty));
    }
}
