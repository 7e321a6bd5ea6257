//! Small programs of our own for measuring where there is no run corpus: WASI commands in `tests/kernels`, and the same programs
//! in Rust, which `cargo xtask kernel NAME` runs. Each prints one line.

use crate::programs::Program;
use crate::repo;
use anyhow::{Context as _, Result};

/// A program in both forms.
struct Kernel {
    name: &'static str,
    /// The program in Rust: the number that it prints.
    native: fn() -> u64,
    /// That number.
    prints: u64,
}

const KERNELS: [Kernel; 4] = [
    Kernel { name: "collatz", native: collatz, prints: 131_434_272 },
    Kernel { name: "hash", native: hash, prints: 1_477_968_547 },
    Kernel { name: "matmul", native: matmul, prints: 6_479_948_400 },
    Kernel { name: "sieve", native: sieve, prints: 1_857_859 },
];

/// Arguments of `cargo xtask kernel`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The kernel's name
    name: String,
}

/// `cargo xtask kernel`: runs a kernel's native form.
pub fn main(args: &Args) -> Result<()> {
    let kernel = KERNELS.iter().find(|kernel| kernel.name == args.name);
    let kernel = kernel.with_context(|| {
        let names: Vec<&str> = KERNELS.iter().map(|kernel| kernel.name).collect();
        format!("no kernel is named `{}` (there are {})", args.name, names.join(", "))
    })?;
    println!("{}", (kernel.native)());
    Ok(())
}

/// All kernels as programs, their modules made binary.
pub fn programs() -> Result<Vec<Program>> {
    let own = std::env::current_exe().context("finding our own binary")?.display().to_string();
    let to = repo::root().join("target").join("bench").join("kernels");
    KERNELS
        .iter()
        .map(|kernel| {
            let text = repo::root().join("tests").join("kernels").join(format!("{}.wat", kernel.name));
            let wasm = repo::binary_of(&text, &to)?;
            let native = vec![own.clone(), "kernel".to_owned(), kernel.name.to_owned()];
            Ok(Program::printing(kernel.name, wasm, native, &format!("{}\n", kernel.prints)))
        })
        .collect()
}

fn collatz() -> u64 {
    (1..1_000_000u64)
        .map(|mut n| {
            let mut steps = 0;
            while n != 1 {
                n = if n & 1 == 0 { n >> 1 } else { n * 3 + 1 };
                steps += 1;
            }
            steps
        })
        .sum()
}

fn hash() -> u64 {
    let mut seed: u32 = 1;
    let buffer: Vec<u8> = (0..1 << 20)
        .map(|_| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 24) as u8
        })
        .collect();
    let once = |hash: u32| {
        let hash = buffer.iter().fold(hash, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(16_777_619));
        hash.rotate_left(13)
    };
    u64::from((0..100).fold(0x811c_9dc5, |hash, _| once(hash)))
}

fn matmul() -> u64 {
    const N: usize = 600;
    let matrix = |rows: usize, columns: usize, modulus: usize| -> Vec<f64> {
        (0..N * N).map(|at| ((at / N * rows + at % N * columns) % modulus) as f64).collect()
    };
    let (a, b) = (matrix(7, 3, 11), matrix(5, 2, 13));
    let mut c = vec![0.0; N * N];
    for (row, to) in a.chunks(N).zip(c.chunks_mut(N)) {
        for (factor, from) in row.iter().zip(b.chunks(N)) {
            for (to, from) in to.iter_mut().zip(from) {
                *to += factor * from;
            }
        }
    }
    c.iter().sum::<f64>() as u64
}

fn sieve() -> u64 {
    const LIMIT: usize = 30_000_000;
    let mut multiple = vec![false; LIMIT];
    let mut count = 0;
    for i in 2..LIMIT {
        if !multiple[i] {
            count += 1;
            (2 * i..LIMIT).step_by(i).for_each(|at| multiple[at] = true);
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn native_kernels_print_what_is_expected() {
        for kernel in &KERNELS {
            assert_eq!((kernel.native)(), kernel.prints, "{}", kernel.name);
        }
    }
}
