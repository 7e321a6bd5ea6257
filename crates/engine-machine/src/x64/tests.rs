//! Tests of x86-64 encodings against a disassembler.
