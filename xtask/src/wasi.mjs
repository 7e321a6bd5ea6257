// Runs a WASI command under Node: node wasi.mjs [--root=DIRECTORY] MODULE ARGS…
// The directory is the guest's root. Exits with the guest's exit code.
import { readFile } from 'node:fs/promises';
import { WASI } from 'node:wasi';

const words = process.argv.slice(2);
const preopens = words[0]?.startsWith('--root=') ? { '/': words.shift().slice('--root='.length) } : {};
const [file, ...args] = words;
const wasi = new WASI({ version: 'preview1', args: [file, ...args], env: {}, preopens });
const module = await WebAssembly.compile(await readFile(file));
const instance = await WebAssembly.instantiate(module, wasi.getImportObject());
process.exitCode = wasi.start(instance);
