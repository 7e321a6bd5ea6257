#!/bin/bash
# Prepares a Debian (amd64) machine for building and running AArch64 tests:
#
#     xtask/aarch64-setup.sh DIRECTORY
#
# Afterwards DIRECTORY holds a Rust compiler with the standard library of both CPUs, a user-mode emulator, and the file
# `ready` naming their versions; the linker and the target's C library are installed as packages, which takes root.
# Running it again on a prepared machine does nothing.
#
# Everything comes from the archive that the machine's own apt sources name, so no other network is needed:
#   * `rustc-web` of the security suite is the newest compiler there, and exists for both CPUs. Its packages are unpacked,
#     not installed, so that the machine's toolchain stays what it is.
#   * `qemu-user` comes from the backports suite: before 8.1, user mode does not discard translated code on `IC IVAU`, so
#     code that is rewritten through another mapping would run stale, and large reservations are slow.
set -euo pipefail
shopt -s inherit_errexit

prefix=${1:?usage: aarch64-setup.sh DIRECTORY}
triple=aarch64-linux-gnu
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

fail() { echo "aarch64-setup: $*" >&2; exit 1; }
note() { echo "aarch64-setup: $*" >&2; }

[ "$(uname -m)" = x86_64 ] || fail "this script prepares x86-64 machines; on AArch64 run the tests natively"
command -v apt-get >/dev/null || fail "apt-get is missing: the script knows Debian only"
codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
[ -n "$codename" ] || fail "/etc/os-release names no release"

# The linker and the C library to link against.
if ! command -v $triple-gcc >/dev/null || ! [ -e /usr/$triple/lib/libc.so.6 ]; then
    [ "$(id -u)" = 0 ] || fail "installing gcc-$triple needs root (or install gcc-$triple and libc6-dev-arm64-cross first)"
    note "installing the cross linker"
    apt-get -qq update || note "some package lists could not be fetched; going on with the others"
    DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install \
        gcc-$triple libc6-dev-arm64-cross >/dev/null
fi

if [ -e "$prefix/ready" ]; then
    note "ready: $(cat "$prefix/ready")"
    exit 0
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work"/{lists/partial,archives/partial,packages,sources}

# A private view of the same archive with the other architecture and the backports suite in it.
option=""
[ -e $keyring ] && option="[signed-by=$keyring]"
apt-get indextargets --format '$(SITE) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' | sort -u |
    while read -r site release component; do
        case $release in
        "$codename") echo "deb $option $site $codename-backports $component" ;;&
        "$codename" | "$codename"-*) echo "deb $option $site $release $component" ;;
        esac
    done | sort -u >"$work/sources/archive.list"
[ -s "$work/sources/archive.list" ] || fail "the apt sources do not name the suite $codename"
private=(
    -o Dir::Etc::SourceList=/dev/null -o Dir::Etc::SourceParts="$work/sources"
    -o Dir::State::Lists="$work/lists" -o Dir::Cache="$work" -o APT::Sandbox::User=root
    -o APT::Architecture=amd64 -o APT::Architectures::=amd64 -o APT::Architectures::=arm64 -o Acquire::Languages=none
)
note "reading the package lists"
apt-get "${private[@]}" -qq update || note "some package lists could not be fetched; going on with the others"

versions() { apt-cache "${private[@]}" madison "$1" | awk -F' *[|] *' '{ print $2 }' | sort -u; }
depends() { # depends PACKAGE=VERSION PATTERN: the first dependency whose name matches
    apt-cache "${private[@]}" show "$1" | sed -n 's/^Depends: //p' | tr ',' '\n' | awk '{ print $1 }' | grep -xEm1 "$2"
}

# Compiler and libraries must be of one version for both CPUs.
rust=$(comm -12 <(versions rustc-web:amd64) <(versions libstd-rust-web-dev:arm64) | sort -V | tail -n 1)
[ -n "$rust" ] || fail "no version of rustc-web exists for both CPUs"
driver=$(depends "libstd-rust-web-dev:amd64=$rust" 'libstd-rust-web-[0-9.]+') ||
    fail "libstd-rust-web-dev $rust names no compiler library"
llvm=$(depends "$driver:amd64=$rust" 'libllvm[0-9]+(t64)?') || fail "$driver names no LLVM library"
qemu=$(versions qemu-user:amd64 | sort -V | tail -n 1)
dpkg --compare-versions "${qemu:-0}" ge 1:8.1 || fail "qemu-user is ${qemu:-missing}; 8.1 or newer is needed"

note "fetching rustc-web $rust and qemu-user $qemu"
(cd "$work/packages" && apt-get "${private[@]}" -qq download "qemu-user:amd64=$qemu" "rustc-web:amd64=$rust" \
    "$driver:amd64=$rust" "$llvm:amd64" "libstd-rust-web-dev:amd64=$rust" "libstd-rust-web-dev:arm64=$rust")

rm -rf "$prefix"
mkdir -p "$prefix/bin" "$work/unpacked"
prefix=$(cd "$prefix" && pwd)
for package in "$work"/packages/*.deb; do
    dpkg-deb -x "$package" "$work/unpacked"
done
mv "$work/unpacked/usr/bin/qemu-aarch64" "$prefix/bin/"
mkdir "$prefix/sysroot"
mv "$work/unpacked/usr/bin" "$work/unpacked/usr/lib" "$prefix/sysroot/"
for tool in rustc rustdoc; do
    {
        echo '#!/bin/sh'
        echo "LD_LIBRARY_PATH='$prefix/sysroot/lib/x86_64-linux-gnu' exec '$prefix/sysroot/bin/$tool' \"\$@\""
    } >"$prefix/bin/$tool"
    chmod +x "$prefix/bin/$tool"
done

# Does what was unpacked work together: compiler, linker, standard library, threads, emulator?
cat >"$work/probe.rs" <<'RUST'
fn main() {
    let sum: u64 = std::thread::spawn(|| (1..=10).sum()).join().unwrap();
    println!("{} {sum}", std::env::consts::ARCH);
}
RUST
"$prefix/bin/rustc" --target aarch64-unknown-linux-gnu -C linker=$triple-gcc -o "$work/probe" "$work/probe.rs"
answer=$("$prefix/bin/qemu-aarch64" -L /usr/$triple "$work/probe")
[ "$answer" = "aarch64 55" ] || fail "a test program printed \`$answer\` under the emulator"

echo "rustc-web $rust, qemu-user $qemu" >"$prefix/ready"
note "ready: $(cat "$prefix/ready")"
